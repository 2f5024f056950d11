// Switchyard: every style of asynchronous Swift, talking to every other.
// SPDX-License-Identifier: Apache-2.0

package import CGreenlets

// The functions of CGreenlets.h, and what stands behind them. A C fiber is one with a raw pointer for its messages.

/// An error that C code has thrown into a fiber, or returned from its body: a number of its own.
public struct CFiberError: Error, Sendable, Hashable, CustomStringConvertible {
    /// The number; neither 0, which stands for an exit, nor -1, which stands for any other error.
    public let code: Int32

    /// Makes an error that C code sees as this number.
    public init(code: Int32) { self.code = code }

    /// The number.
    public var description: String { "CFiberError: a fiber's C code failed with \(code)." }
}

/// A C function and its argument, which goes with it.
@safe
private final class CBody {
    private let function: sy_fiber_body
    private let argument: UnsafeMutableRawPointer?
    private let dispose: (@convention(c) (UnsafeMutableRawPointer?) -> Void)?

    init(
        _ function: @escaping sy_fiber_body,
        _ argument: UnsafeMutableRawPointer?,
        _ dispose: (@convention(c) (UnsafeMutableRawPointer?) -> Void)?
    ) {
        unsafe self.function = function
        unsafe self.argument = argument
        unsafe self.dispose = dispose
    }

    deinit { unsafe dispose?(argument) }

    func callAsFunction(_ message: UnsafeMutableRawPointer?) throws -> UnsafeMutableRawPointer? {
        let result = unsafe function(argument, message)
        switch unsafe result.status {
        case SY_FIBER_MESSAGE: return unsafe result.message
        case SY_FIBER_ERROR, SY_FIBER_REFUSED:
            let code = unsafe result.code
            if code == SY_FIBER_SWIFT_ERROR, let last = CFibers.lastFailure { throw last }
            throw CFiberError(code: code)
        default: throw GreenletExit()
        }
    }
}

@safe
private enum CFibers {
    /// Of the fiber that runs.
    static var lastFailure: (any Error)? {
        get { FiberHost.currentFiber.ownStorage?.failure }
        set {
            let fiber = FiberHost.currentFiber
            if newValue != nil, fiber.ownStorage == nil { fiber.ownStorage = GreenletStorage() }
            fiber.ownStorage?.failure = newValue
        }
    }

    // SAFETY: a `sy_fiber` is a retained handle.
    static func handle(_ fiber: OpaquePointer) -> FiberHandle {
        unsafe Unmanaged<FiberHandle>.fromOpaque(UnsafeRawPointer(fiber)).takeUnretainedValue()
    }

    static func reference(_ handle: FiberHandle) -> OpaquePointer {
        // SAFETY: released by `sy_fiber_release`.
        unsafe OpaquePointer(Unmanaged.passRetained(handle).toOpaque())
    }

    static func result(_ transfer: () throws -> UnsafeMutableRawPointer??) -> sy_fiber_result {
        do {
            guard let message = unsafe try transfer() else {
                return unsafe sy_fiber_result(status: SY_FIBER_NO_ANSWER, code: 0, message: nil)
            }
            return unsafe sy_fiber_result(status: SY_FIBER_MESSAGE, code: 0, message: message)
        } catch let exit as GreenletExit {
            _ = exit
            return unsafe sy_fiber_result(status: SY_FIBER_EXIT, code: 0, message: nil)
        } catch {
            lastFailure = error
            let status = error is FiberError ? SY_FIBER_REFUSED : SY_FIBER_ERROR
            let code = (error as? CFiberError)?.code ?? SY_FIBER_SWIFT_ERROR
            return unsafe sy_fiber_result(status: status, code: code, message: nil)
        }
    }
}

extension Fiber where Message == UnsafeMutableRawPointer? {
    /// The fiber behind a `sy_fiber *` of CGreenlets, to which the caller's reference stays its own.
    public init(cReference: OpaquePointer) { unsafe self.init(CFibers.handle(cReference)) }

    /// A `sy_fiber *` for C code, which has to release it.
    public func makeCReference() -> OpaquePointer { unsafe CFibers.reference(handle) }
}

@_cdecl("sy_fiber_new")
package func cFiberNew(
    _ name: UnsafePointer<CChar>?,
    _ stackSize: Int,
    _ parent: OpaquePointer?,
    _ body: @escaping sy_fiber_body,
    _ argument: UnsafeMutableRawPointer?,
    _ dispose: (@convention(c) (UnsafeMutableRawPointer?) -> Void)?
) -> OpaquePointer {
    let code = unsafe CBody(body, argument, dispose)
    let fiber = unsafe Fiber<UnsafeMutableRawPointer?>(
        name: name.map { unsafe String(cString: $0) },
        stackSize: stackSize,
        parent: parent.map { unsafe Fiber(CFibers.handle($0)) }
    ) { unsafe try code($0) }
    return unsafe CFibers.reference(fiber.handle)
}

@_cdecl("sy_fiber_retain")
package func cFiberRetain(_ fiber: OpaquePointer) -> OpaquePointer {
    unsafe CFibers.reference(CFibers.handle(fiber))
}

@_cdecl("sy_fiber_release")
package func cFiberRelease(_ fiber: OpaquePointer?) {
    // SAFETY: the reference that the caller gives up.
    if let fiber = unsafe fiber { unsafe Unmanaged<FiberHandle>.fromOpaque(UnsafeRawPointer(fiber)).release() }
}

@_cdecl("sy_fiber_switch")
package func cFiberSwitch(_ fiber: OpaquePointer, _ message: UnsafeMutableRawPointer?) -> sy_fiber_result {
    unsafe CFibers.result { unsafe try Fiber(CFibers.handle(fiber)).switchOrExit(message) }
}

@_cdecl("sy_fiber_throw")
package func cFiberThrow(_ fiber: OpaquePointer, _ code: Int32) -> sy_fiber_result {
    unsafe CFibers.result {
        unsafe try Fiber<UnsafeMutableRawPointer?>(CFibers.handle(fiber))
            .throw(code == 0 ? GreenletExit() : CFiberError(code: code))
    }
}

@_cdecl("sy_fiber_current")
package func cFiberCurrent() -> OpaquePointer { unsafe CFibers.reference(FiberHost.currentFiber.sharedHandle) }

@_cdecl("sy_fiber_parent")
package func cFiberParent(_ fiber: OpaquePointer) -> OpaquePointer? {
    unsafe Fiber<UnsafeMutableRawPointer?>(CFibers.handle(fiber)).parent.map { unsafe CFibers.reference($0.handle) }
}

@_cdecl("sy_fiber_set_parent")
package func cFiberSetParent(_ fiber: OpaquePointer, _ parent: OpaquePointer) -> Bool {
    do {
        unsafe try CFibers.handle(fiber).core.setParent(CFibers.handle(parent))
        return true
    } catch {
        CFibers.lastFailure = error
        return false
    }
}

@_cdecl("sy_fiber_is_started")
package func cFiberIsStarted(_ fiber: OpaquePointer) -> Bool { unsafe CFibers.handle(fiber).core.state != .pending }

@_cdecl("sy_fiber_is_active")
package func cFiberIsActive(_ fiber: OpaquePointer) -> Bool { unsafe CFibers.handle(fiber).core.state == .active }

@_cdecl("sy_fiber_is_dead")
package func cFiberIsDead(_ fiber: OpaquePointer) -> Bool { unsafe CFibers.handle(fiber).core.state == .dead }

@_cdecl("sy_fiber_is_main")
package func cFiberIsMain(_ fiber: OpaquePointer) -> Bool { unsafe CFibers.handle(fiber).core.isMain }

@_cdecl("sy_fiber_error_text")
package func cFiberErrorText(_ text: UnsafeMutablePointer<CChar>?, _ capacity: Int) -> Int {
    var described = CFibers.lastFailure.map { "\($0)" } ?? ""
    let length = described.utf8.count
    if let text = unsafe text, capacity > 0 {
        described.withUTF8 { bytes in
            let count = min(bytes.count, capacity - 1)
            for index in 0..<count { unsafe text[index] = CChar(bitPattern: bytes[index]) }
            unsafe text[count] = 0
        }
    }
    return length
}
