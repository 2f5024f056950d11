// Switchyard: every style of asynchronous Swift, talking to every other.
// SPDX-License-Identifier: Apache-2.0

import Futures

/// What a Deferred has in hand between two stages.
enum Held: Sendable {
    case value(any Sendable)
    /// `isHandled`: an observer has been given the failure.
    case failure(any Error, isHandled: Bool)
    /// The result has gone on. The error is made when somebody comes for it.
    case moved(DeferredResultMoved.Destination)

    init(_ result: Result<some Sendable, any Error>) {
        switch result {
        case .success(let value): self = .value(value)
        case .failure(let error): self = .failure(error, isHandled: false)
        }
    }

    static func failure(_ error: any Error) -> Held { .failure(error, isHandled: false) }

    /// What the body comes to.
    static func catching(_ body: () throws -> some Sendable) -> Held {
        do { return .value(try body()) } catch { return .failure(error) }
    }
}

/// What a stage has come to.
enum Step: Sendable {
    case value(any Sendable)
    case wait(for: _DeferredCore)
}

/// One entry of the pipeline.
enum Stage: Sendable {
    /// Makes the next result of the one before; a missing side lets it pass.
    case transform(
        onValue: (@Sendable (any Sendable) throws -> Step)?,
        onError: (@Sendable (any Error) throws -> Step)?
    )
    /// Sees the result, which passes.
    case observe(Observer)
    /// Takes the result.
    case handOver(DeferredResultMoved.Destination, @Sendable (Held) -> HandOver)

    /// Somebody wants the outcome, beyond the pipeline itself.
    var isConsumer: Bool {
        if case .transform = self { false } else { true }
    }

    /// Another Deferred waits for the result.
    var isHandOver: Bool {
        if case .handOver = self { true } else { false }
    }
}

/// What has become of a result that was handed over.
enum HandOver {
    /// This Deferred has it, and is to be run next.
    case scheduled(_DeferredCore)
    case done
    /// The receiver had a result already.
    case refused(any Error)
}

/// What a cancellation of an unfired Deferred calls.
enum Canceller: Sendable {
    /// A user's: called once.
    case custom(@Sendable (_DeferredCore) throws -> Void)
    /// A bridge's: asked each time. After `.tooLate` the outcome is still to come.
    case answering(@Sendable () -> CancellationAnswer)
}
