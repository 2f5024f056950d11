// Switchyard: every style of asynchronous Swift, talking to every other.
// SPDX-License-Identifier: Apache-2.0

import Futures

/// The one loop whose code uses a line.
@usableFromInline
struct Confinement: Sendable {
    let loop: any Loop

    /// Throws if the calling thread does not run the loop.
    @usableFromInline
    @inline(never)
    func check(_ operation: String, on name: String) throws {
        if !loop.isCurrent { throw ConfinedElsewhere(name, operation, loop: loop.name) }
    }
}

/// A line that is confined to a loop was used elsewhere.
public struct ConfinedElsewhere: Error, Sendable, CustomStringConvertible {
    /// Which queue or channel.
    public let name: String
    /// What was asked of it.
    public let operation: String
    /// The loop that it is confined to.
    public let loop: String

    init(_ name: String, _ operation: String, loop: String) {
        self.name = name
        self.operation = operation
        self.loop = loop
    }

    /// What happened, where it began, what to do.
    public var description: String {
        "ConfinedElsewhere: \(operation) on \(name), which is confined to loop \"\(loop)\", by code that does not run on that"
            + " loop. Post to the loop, and say so with Hub.expectPosts(on:), or make it without `confinedTo:`."
    }
}
