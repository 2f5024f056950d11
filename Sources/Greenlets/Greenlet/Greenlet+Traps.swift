// Switchyard: every style of asynchronous Swift, talking to every other.
// SPDX-License-Identifier: Apache-2.0

public import Futures

/// What a greenlet has to look at before it waits or yields.
struct Attention: OptionSet {
    let rawValue: UInt8

    /// There is something to be thrown.
    static var interrupted: Attention { Attention(rawValue: 1) }
    /// It is in a scope that forbids waits.
    static var forbidsBlocks: Attention { Attention(rawValue: 2) }
    /// It is in a scope that forbids switches.
    static var forbidsSwitches: Attention { Attention(rawValue: 4) }
    /// It is neither running, nor ready, nor waiting for anything but to be put back into the queue.
    static var out: Attention { Attention(rawValue: 8) }

    static var traps: Attention { [.forbidsBlocks, .forbidsSwitches] }
}

/// A greenlet was about to wait, or to let others run, in a scope in which that is forbidden.
public struct SwitchForbidden: Error, Sendable, CustomStringConvertible {
    /// What a scope forbids.
    public enum Scope: Sendable, Hashable {
        /// `Greenlet.forbiddingBlocks`: waits that would park.
        case blocks
        /// `Greenlet.forbiddingSwitches`: those, and yields.
        case switches
    }

    /// The scope that forbids it.
    public let scope: Scope
    /// The greenlet.
    public let greenlet: String
    /// What it was about to do.
    public let operation: String
    /// Where the scope begins.
    public let site: SourceSite

    /// What happened, where it began, what to do.
    public var description: String {
        let name = scope == .blocks ? "forbiddingBlocks" : "forbiddingSwitches"
        return
            "SwitchForbidden: \(greenlet) \(operation) inside Greenlet.\(name) at \(site). Let what it needs be complete before,"
            + " or move this out of the scope."
    }
}

/// A scope that forbids. On the stack of its greenlet alone.
@safe
final class SwitchTrap {
    let scope: SwitchForbidden.Scope
    let site: SourceSite
    let outer: Unmanaged<SwitchTrap>?
    /// What could not be refused where it happened.
    var leftOut: SwitchForbidden?

    init(_ scope: SwitchForbidden.Scope, _ site: SourceSite, outer: Unmanaged<SwitchTrap>?) {
        self.scope = scope
        self.site = site
        unsafe self.outer = unsafe outer
    }
}

extension Greenlet where Success == Void {
    /// Runs code that must not wait: a wait that would park throws (Stackless: block_trap).
    ///
    ///     try Greenlet.forbiddingBlocks { try cache.lookUp(key) }      // a test: this is answered without waiting
    ///
    /// What is complete may be waited for, and `yield` is allowed. Only the calling greenlet is concerned. Scopes nest; the end
    /// of one leaves the outer one as it was.
    ///
    /// - Executor: The calling greenlet.
    /// - Cancellation: A kill is thrown before a refusal.
    /// - Errors: The body's; at the wait ``SwitchForbidden``; ``GreenletMisuse`` outside of a greenlet, where nothing is forbidden.
    /// - Complexity: A wait looks at one word, as ever.
    @available(*, noasync, message: "a task's waits are awaits, which cannot be forbidden")
    public static func forbiddingBlocks<Result>(
        fileID: StaticString = #fileID,
        line: UInt = #line,
        _ body: () throws -> Result
    ) throws -> Result {
        try forbidding(.blocks, SourceSite(fileID: fileID, line: line), body)
    }

    /// Runs code during which no other greenlet may run: a wait that would park, and a yield, throw (Stackless: switch_trap).
    ///
    /// Greenlets that meet in a channel have met, and nothing can be refused any more: whoever is to run first stays ready, and
    /// the scope throws at its end. A ``Fiber`` is switched to by name, and is not concerned.
    ///
    /// - Executor: The calling greenlet.
    /// - Cancellation: A kill is thrown before a refusal.
    /// - Errors: As ``forbiddingBlocks(fileID:line:_:)``.
    @available(*, noasync, message: "a task's switches are awaits, which cannot be forbidden")
    public static func forbiddingSwitches<Result>(
        fileID: StaticString = #fileID,
        line: UInt = #line,
        _ body: () throws -> Result
    ) throws -> Result {
        try forbidding(.switches, SourceSite(fileID: fileID, line: line), body)
    }

    private static func forbidding<Result>(
        _ scope: SwitchForbidden.Scope,
        _ site: SourceSite,
        _ body: () throws -> Result
    ) throws -> Result {
        guard let greenlet = current else {
            throw GreenletMisuse(
                "waits or switches were forbidden outside of a greenlet, at \(site), where nobody would keep to it. Run the code in"
                    + " Greenlet.spawn or Greenlet.run."
            )
        }
        let trap = unsafe SwitchTrap(scope, site, outer: greenlet.trap)
        let before = unsafe greenlet.attention.intersection(.traps)
        // SAFETY: kept until it is taken back, below.
        unsafe greenlet.trap = .passUnretained(trap)
        unsafe greenlet.attention.insert(scope == .blocks ? .forbidsBlocks : .forbidsSwitches)
        let result = Swift.Result { try body() }
        unsafe greenlet.attention = greenlet.attention.subtracting(.traps).union(before)
        unsafe greenlet.trap = trap.outer
        let value = try result.get()
        if let leftOut = trap.leftOut { throw leftOut }
        return value
    }
}

extension AnyGreenlet {
    /// Throws if the greenlet may not wait.
    final func refuseTrappedWait(for what: String) throws {
        if let trap = unsafe trap?.takeUnretainedValue() { throw refusal(by: trap, "would have waited for \(what)") }
    }

    /// In a scope that forbids waits: why this one is refused.
    final func refusal(of source: Unmanaged<_Node>?) -> SwitchForbidden {
        let what = unsafe source?._withUnsafeGuaranteedRef { $0._summary } ?? "some time to pass"
        // SAFETY: `attention` says that there is a scope, whose frame is below on this stack.
        return unsafe refusal(by: trap!.takeUnretainedValue(), "would have waited for \(what)")
    }

    /// In a scope that forbids switches: why this one is refused.
    final func refusalOfSwitch(_ operation: String) -> SwitchForbidden {
        refusal(by: switchTrap, operation)
    }

    /// A switch that cannot be refused does not happen, and is told of at the scope's end.
    @inline(never)
    final func leaveOutSwitch() {
        let trap = switchTrap
        if trap.leftOut == nil {
            trap.leftOut = refusal(by: trap, "would have had the other side of a channel run first")
        }
    }

    private final var switchTrap: SwitchTrap {
        // SAFETY: as above; scopes end from the inside.
        var trap = unsafe trap!.takeUnretainedValue()
        while trap.scope != .switches, let outer = unsafe trap.outer { trap = unsafe outer.takeUnretainedValue() }
        return trap
    }

    private final func refusal(by trap: SwitchTrap, _ operation: String) -> SwitchForbidden {
        SwitchForbidden(scope: trap.scope, greenlet: displayName, operation: operation, site: trap.site)
    }
}
