// Switchyard: every style of asynchronous Swift, talking to every other.
// SPDX-License-Identifier: Apache-2.0

/// A fiber could not be switched to, or changed.
public struct FiberError: Error, Sendable, CustomStringConvertible {
    /// Why not.
    public enum Reason: Sendable, Hashable {
        /// It was to answer, and has ended by `GreenletExit`: it was killed.
        case exited
        /// It belongs to another thread.
        case foreignThread
        /// It was made inside another greenlet of this thread, or outside of the one that runs.
        case foreignGreenlet
        /// The thread or greenlet it was made on has ended.
        case hostEnded
        /// It waits for a message of another type.
        case messageType
        /// It is unwinding another fiber and takes no message until that has ended.
        case unwinding
        /// It would become its own ancestor.
        case cyclicParents
        /// A main fiber has no parent.
        case main
        /// It called a generator's yielder outside of the generator's body, or while nobody asks for an element.
        case notInBody
        /// There is no memory for its stack; a retry may work.
        case noMemory
    }

    /// Why not.
    public let reason: Reason
    /// The fiber.
    public let fiber: String
    /// Where it belongs, and where the call was made.
    public let places: String

    init(_ reason: Reason, _ fiber: FiberCore, places: String = "") {
        self.reason = reason
        self.fiber = fiber.summary
        self.places = places
    }

    /// What happened, where it began, what to do.
    public var description: String {
        switch reason {
        case .exited:
            "FiberError: \(fiber), which was to answer, was killed: it has ended by GreenletExit. Use switchOrExit where that"
                + " may happen."
        case .foreignThread:
            "FiberError: \(fiber) belongs to \(places). Fibers stay on the thread they were made on: hand values to other"
                + " threads through a Future."
        case .foreignGreenlet:
            "FiberError: \(fiber) belongs to \(places). Fibers can be switched only among those made in one greenlet, or"
                + " outside of all: hand values to other greenlets through a Future."
        case .hostEnded:
            "FiberError: \(fiber) was made on a thread or in a greenlet that has ended since, which unwound it."
        case .messageType:
            "FiberError: \(fiber) waits for a message of another type. Let fibers that switch to each other share one"
                + " message type."
        case .unwinding:
            "FiberError: \(fiber) waits until a fiber it has dropped has unwound, and takes no messages meanwhile. Let the"
                + " GreenletExit pass instead of switching."
        case .cyclicParents: "FiberError: \(fiber) cannot have itself or one of its descendants as its parent."
        case .main: "FiberError: \(fiber) cannot have a parent: it is the code outside of all fibers."
        case .notInBody:
            "FiberError: \(fiber) called a generator's yielder, and is not in the generator's body, or nobody has asked for an"
                + " element. Yield in the body, and in what it calls."
        case .noMemory:
            "FiberError: there is no memory for the stack of \(fiber). It is still pending; try again later."
        }
    }
}
