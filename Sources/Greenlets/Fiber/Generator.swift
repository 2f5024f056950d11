// Switchyard: every style of asynchronous Swift, talking to every other.
// SPDX-License-Identifier: Apache-2.0

import Futures

/// A sequence whose elements are yielded by a body that runs on a stack of its own, from any depth of nested calls.
///
///     func visit(_ node: Node, _ yield: Generator<Int>.Yielder) throws {
///         for child in node.children { try visit(child, yield) }
///         try yield(node.value)
///     }
///     for value in Generator<Int>({ try visit(root, $0) }) { print(value) }
///
/// The body runs while an element is asked for. Generators may ask each other, and a yielder may be called in the body of a
/// generator that is asked by its own (greenlet: its test of generators). Copies share one body: it is a sequence for one
/// pass.
///
/// - Executor: The thread it was made on, as ``Fiber``; whoever asks may change from one element to the next.
/// - Cancellation: Dropping the last copy throws ``GreenletExit`` into the body where it yields.
/// - Errors: What the body throws ends the sequence. ``advance()`` throws it, at once or after ``next()`` has returned nil;
///   one that nobody asks for is reported when the last copy goes.
/// - Complexity: O(1) an element, two switches; a stack while the body is under way.
@safe
public struct Generator<Element>: Sequence, IteratorProtocol {
    private let owner: GeneratorOwner<Element>

    /// Makes a generator. The body has not run.
    ///
    /// - Parameters:
    ///   - name: For diagnostics.
    ///   - stackSize: Usable bytes; 0 for 256 KiB. The stack is made when the first element is asked for.
    ///   - body: Yields the elements. Released with its captures when it returns.
    public init(name: String? = nil, stackSize: Int = 0, _ body: @escaping (Yielder) throws -> Void) {
        let shared = GeneratorCore<Element>()
        let fiber = Fiber<GeneratorStep>(name: name ?? "generator", stackSize: stackSize) { step in
            try body(Yielder(core: shared))
            return step
        }
        shared.identifier = fiber.core.id
        fiber.core.forgetParent()
        owner = GeneratorOwner(shared, fiber)
    }

    /// The next element; nil at the end, also at that by an error, which ``advance()`` throws then. So does a kill of the
    /// caller end its loop: where that matters, ask by ``advance()``.
    ///
    /// - Errors: None here: see ``advance()``.
    @available(*, noasync, message: "an await may leave the thread; iterate in synchronous code")
    public mutating func next() -> Element? {
        do { return try owner.advance() } catch {
            owner.core.failure = error
            return nil
        }
    }

    /// The next element; nil at the end.
    ///
    /// - Errors: What the body threw, once; what is thrown into the caller meanwhile; ``FiberError`` where the body cannot be
    ///   switched to: after that it can still be asked.
    @available(*, noasync, message: "an await may leave the thread; iterate in synchronous code")
    public mutating func advance() throws -> Element? {
        if let failure = owner.core.failure {
            owner.core.failure = nil
            throw failure
        }
        return try owner.advance()
    }

    /// Hands elements to whoever asks the generator.
    @safe
    public struct Yielder {
        fileprivate let core: GeneratorCore<Element>

        /// Hands out an element, and comes back when the next one is asked for.
        ///
        /// - Errors: ``GreenletExit`` when the generator is dropped: let it pass. ``FiberError`` outside of the generator's
        ///   body, in which calls, and bodies of generators that it asks, are.
        @available(*, noasync, message: "an await may leave the thread; yield in synchronous code")
        public func callAsFunction(_ element: Element) throws { try core.yield(element) }

        /// Hands out all elements of a sequence.
        ///
        /// - Errors: As those of a single one.
        @available(*, noasync, message: "an await may leave the thread; yield in synchronous code")
        public func yield(from elements: some Sequence<Element>) throws {
            for element in elements { try core.yield(element) }
        }
    }
}

@available(*, unavailable, message: "a generator stays on the thread it was made on")
extension Generator: Sendable {}

@available(*, unavailable, message: "a generator stays on the thread it was made on")
extension Generator.Yielder: Sendable {}

/// The message between a generator and who asks it: of a type that nobody else can send. The element is in the core.
struct GeneratorStep {}

/// What the two ends of a generator share. It keeps no fiber from being dropped.
private final class GeneratorCore<Element> {
    /// The fiber of the body.
    var identifier: UInt64 = 0
    var element: Element?
    /// Who asks now.
    var consumer: FiberCore?
    /// The fiber that yielded last, if it is not that of the body: one of a generator which the body asks.
    var yielder: FiberCore?
    /// What ``Generator/next()`` could not throw.
    var failure: (any Error)?

    func yield(_ element: Element) throws {
        let here = FiberHost.currentFiber
        var fiber = here
        while true {
            // Nobody takes elements from one that was dropped.
            if fiber.returnsTo != nil { throw GreenletExit() }
            if fiber.id == identifier { break }
            guard let parent = fiber.parentCore else { throw FiberError(.notInBody, here) }
            fiber = parent
        }
        guard let consumer else { throw FiberError(.notInBody, here) }
        self.element = element
        if fiber !== here { yielder = here }
        // Without a handle: who asks must not be held by what it asks.
        _ = try consumer.exchange(GeneratorStep(), exitIsError: true)
    }
}

/// Held by the copies of one generator alone, so that their end is the body's.
private final class GeneratorOwner<Element> {
    let core: GeneratorCore<Element>
    private let fiber: Fiber<GeneratorStep>

    init(_ core: GeneratorCore<Element>, _ fiber: Fiber<GeneratorStep>) {
        self.core = core
        self.fiber = fiber
    }

    deinit {
        guard let failure = core.failure, !failure.isGreenletExit else { return }
        Reporter.report(
            .message("an error ended \(fiber) and nobody asked for it: \(failure) Use advance() instead of next().")
        )
    }

    func advance() throws -> Element? {
        let here = try fiber.core.caller()
        if fiber.isDead { return nil }
        // Where control goes at the body's end. Not kept by it: a fiber whose frames hold a generator can be dropped.
        try fiber.core.setParent(here.sharedHandle)
        fiber.core.forgetParent()
        let target = core.yielder ?? fiber.core
        core.yielder = nil
        core.consumer = here
        defer { core.consumer = nil }
        _ = try target.exchange(GeneratorStep(), exitIsError: false)
        defer { core.element = nil }
        return core.element
    }
}
