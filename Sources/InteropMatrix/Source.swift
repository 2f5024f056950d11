// Switchyard: every style of asynchronous Swift, talking to every other.
// SPDX-License-Identifier: Apache-2.0

import Futures

/// A style as a source: something awaitable, and the means to make it end in every way it can.
///
/// One instance serves one cell.
protocol Source: AnyObject, Sendable {
    associatedtype Subject: Awaitable<Int>

    /// The style, for people.
    static var name: String { get }
    /// Why a case does not apply; nil if it does.
    static func reason(against case: Case) -> Reason?
    /// The error that a drop is: it may not be silence.
    static var dropError: String { get }
    /// A second completion is told of. If not, it is another element, and keeps for whoever takes it.
    static var reportsSecond: Bool { get }
    /// What the report of a second completion in this cell contains.
    static func secondReport(_ bench: Bench) -> String
    /// Observers run on the thread that completes. If not, on one of the source's own.
    static var completesInPlace: Bool { get }

    init(_ bench: Bench) async throws

    /// What the sink is attached to.
    var subject: Subject { get }
    /// The verb has begun what it begins. A source that begins nothing says yes.
    var hasStarted: Bool { get }
    /// A cancellation by the consumer has reached the producer.
    var wasStopped: Bool { get }
    /// Sees to it that the value is there when a verb is used.
    func completeBefore(_ value: Int) async throws
    /// The producer's end: a value, an error, or a cancellation of its own.
    func complete(_ outcome: Result<Int, any Error>) throws
    /// What was completed has arrived, where that takes its time.
    func arrive(_ bench: Bench) async
    /// Lets go of what would complete it.
    func drop()
}

extension Source {
    static func reason(against case: Case) -> Reason? { nil }
    static var dropError: String { "BrokenPromise" }
    static var reportsSecond: Bool { true }
    static func secondReport(_ bench: Bench) -> String { bench.label }
    static var completesInPlace: Bool { true }
    var hasStarted: Bool { true }
    func arrive(_ bench: Bench) {}
}
