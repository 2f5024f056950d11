// Switchyard: every style of asynchronous Swift, talking to every other.
// SPDX-License-Identifier: Apache-2.0

public import Futures
import Synchronization

/// What ``Greenlet/assertSwitches(within:fileID:line:_:)`` measures: for how long at a time the greenlet holds its thread.
final class SwitchAssertion {
    private let clock: () -> LoopInstant
    private var began: LoopInstant
    private(set) var longest = Duration.zero
    private(set) var switches = 0

    init(clock: @escaping () -> LoopInstant) {
        self.clock = clock
        began = clock()
    }

    func beginStretch() { began = clock() }

    func endStretch(isSwitch: Bool) {
        if isSwitch { switches += 1 }
        longest = max(longest, began.duration(to: clock()))
    }
}

/// A greenlet held the thread of its loop for longer than it was to (gevent: assert_switches).
public struct FailedToSwitch: Error, Sendable, CustomStringConvertible {
    /// Which greenlet.
    public let greenlet: String
    /// Where the scope is.
    public let site: SourceSite
    /// How long it was allowed to hold the thread at a time; nil if it only had to let others run at all.
    public let limit: Duration?
    /// The longest that it held the thread.
    public let longest: Duration
    /// How often it let others run.
    public let switches: Int

    /// What happened, where it began, what to do.
    public var description: String {
        let what =
            limit.map { "held the thread of its loop for \(longest) at a time, and was to let others run within \($0)" }
            ?? "was to let others run, and never did, for \(longest)"
        return
            "FailedToSwitch: in the scope at \(site) the greenlet \(greenlet) \(what). Call Greenlet.yield() now and then, or"
            + " move what takes long into Greenlet.offload."
    }
}

extension Greenlet where Success == Void {
    /// Runs a body that has to let other greenlets run, and tells if it does not (gevent: assert_switches).
    ///
    ///     try Greenlet.assertSwitches(within: .milliseconds(20)) { try parse(document) }
    ///
    /// Only the code inside pays for it: there each wait and yield reads the clock twice.
    ///
    /// - Executor: The calling greenlet.
    /// - Errors: ``FailedToSwitch`` when the body has ended, if it held the thread for longer at a time. What the body throws
    ///   comes first: then the rest is reported. ``GreenletMisuse`` outside of a greenlet.
    /// - Parameter limit: How long it may hold the thread at a time; nil asks only that it lets others run at least once.
    @available(*, noasync, message: "use it in a greenlet")
    @discardableResult
    public static func assertSwitches<Result>(
        within limit: Duration? = nil,
        fileID: StaticString = #fileID,
        line: UInt = #line,
        _ body: () throws -> Result
    ) throws -> Result {
        try assertSwitches(within: limit, clock: { .now }, fileID: fileID, line: line, body)
    }

    package static func assertSwitches<Result>(
        within limit: Duration?,
        clock: @escaping () -> LoopInstant,
        fileID: StaticString = #fileID,
        line: UInt = #line,
        _ body: () throws -> Result
    ) throws -> Result {
        guard let greenlet = current else {
            throw GreenletMisuse(
                "Greenlet.assertSwitches was used outside of a greenlet, at \(fileID):\(line), where nothing switches. Use it in"
                    + " Greenlet.spawn or Greenlet.run."
            )
        }
        let notes = greenlet.writtenNotes
        let assertion = SwitchAssertion(clock: clock)
        notes.assertions.append(assertion)
        greenlet.updateLongWay()
        func failure() -> FailedToSwitch? {
            assertion.endStretch(isSwitch: false)
            notes.assertions.removeAll { $0 === assertion }
            greenlet.updateLongWay()
            if limit.map({ assertion.longest <= $0 }) ?? (assertion.switches > 0) { return nil }
            return FailedToSwitch(
                greenlet: greenlet._summary,
                site: SourceSite(fileID: fileID, line: line),
                limit: limit,
                longest: assertion.longest,
                switches: assertion.switches
            )
        }
        let result: Result
        do { result = try body() } catch {
            if let failure = failure() { Reporter.report(.message("\(failure)")) }
            throw error
        }
        if let failure = failure() { throw failure }
        return result
    }

    /// Runs a body that may hold the thread of its loop for as long as it likes: the monitor does not report it (gevent:
    /// GreenletTracer.ignore_current_greenlet_blocking).
    ///
    /// Other greenlets that run meanwhile are no exception. Outside of a greenlet it only runs the body.
    ///
    /// - Executor: The calling greenlet or thread.
    /// - Errors: The body's.
    @available(*, noasync, message: "use it in a greenlet")
    public static func exemptFromMonitor<Result>(_ body: () throws -> Result) rethrows -> Result {
        guard let greenlet = current else { return try body() }
        greenlet.addExemption(1)
        defer { greenlet.addExemption(-1) }
        return try body()
    }
}

extension AnyGreenlet {
    fileprivate final func updateLongWay() {
        let isWatched = notes.map { $0.exemptions > 0 || !$0.assertions.isEmpty } ?? false
        unsafe takesLongWay = isHosted || isWatched
    }

    fileprivate final func addExemption(_ count: Int) {
        let notes = writtenNotes
        notes.exemptions += count
        unsafe scheduler.pointee.isExempt.store(notes.exemptions > 0, ordering: .relaxed)
        updateLongWay()
    }
}
