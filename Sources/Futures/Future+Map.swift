// Switchyard: every style of asynchronous Swift, talking to every other.
// SPDX-License-Identifier: Apache-2.0

public import Synchronization

extension Future {
    /// A future of this one's value, transformed.
    ///
    /// - Executor: `transform` runs where this future completes.
    /// - Cancellation: Cancelling the result cancels this future, if nobody else observes it. A cancelled source makes a
    ///   cancelled result.
    /// - Errors: This future's failure passes through; an error that `transform` throws fails the result (A+ 2.2.7).
    @inlinable
    public final func map<Value: Sendable>(
        fileID: StaticString = #fileID,
        line: UInt = #line,
        _ transform: @escaping @Sendable (Success) throws -> Value
    ) -> Future<Value> {
        let result = _MapFuture<Success, Value>(transform, _fileID: fileID, line: line) { node, source in
            // SAFETY: `_sourceCompleted` of this node, with the source it was attached to.
            let result = unsafe unsafeDowncast(node, to: _MapFuture<Success, Value>.self)
            let source = unsafe unsafeDowncast(source, to: Future<Success>.self)
            guard let transform = result._transform else { return false }
            result._transform = nil
            if source._hasFailed { return result._failQuietly(source._error) }
            do { return result._succeedQuietly(try transform(source._value)) } catch {
                return result._failQuietly(error)
            }
        }
        result._derive(from: self)
        return result
    }
}

/// The result of `map`: one object that is the future and the observer of its source.
@usableFromInline
// SAFETY: `_transform` is touched by the one delivery of the source; `_step` is immutable.
final class _MapFuture<Input: Sendable, Output: Sendable>: Future<Output>, @unchecked Sendable {
    @safe @exclusivity(unchecked) @usableFromInline final var _transform: (@Sendable (Input) throws -> Output)?
    /// The specialised continuation. A virtual method of a generic class would run unspecialised.
    @usableFromInline final let _step: @Sendable (_Node, _FutureCore) -> Bool

    @inlinable
    init(
        _ transform: @escaping @Sendable (Input) throws -> Output,
        _fileID: StaticString,
        line: UInt,
        step: @escaping @Sendable (_Node, _FutureCore) -> Bool
    ) {
        _transform = transform
        _step = step
        super.init(_fileID: _fileID, line: line)
    }

    @usableFromInline
    override package func _sourceCompleted(_ source: _FutureCore) {
        if _step(self, source) { _Trampoline.deliver(self) }
    }

    @usableFromInline
    override package func _sourceCompletedInChain(_ source: _FutureCore) -> Bool { _step(self, source) }

    override package func _forgetSource() { _transform = nil }
}

extension _FutureCore {
    /// Links a new, unpublished future to its source and listens to it.
    @inlinable
    package final func _derive(from source: _FutureCore) {
        _relink(source)
        _state.store(_Bits.adopting, ordering: .relaxed)
        if !source._attach(self) {
            source._state.bitwiseOr(_Bits.observed, ordering: .relaxed)
            _Trampoline.deliver(late: _LateSource(source, to: self), of: source)
        }
    }
}

/// The delivery of a completed source to a node that came late.
@usableFromInline
// SAFETY: immutable.
final class _LateSource: _Node, @unchecked Sendable {
    private let source: _FutureCore
    private let listener: _Node

    @usableFromInline
    init(_ source: _FutureCore, to listener: _Node) {
        self.source = source
        self.listener = listener
    }

    override func _run() { listener._sourceCompleted(source) }

    override var _summary: String { source._summary }
}
