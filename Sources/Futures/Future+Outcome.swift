// Switchyard: every style of asynchronous Swift, talking to every other.
// SPDX-License-Identifier: Apache-2.0

public import Synchronization

// The outcome is laid out by hand: an enum of generic payload has a layout that unspecialised code (deinit, virtual
// methods) must look up in the runtime at every touch, which measured half of a naive future's cost.

/// Two words that hold a small value, the box of a large one, or an error; the state word says which.
@usableFromInline
struct _OutcomeStorage {
    @usableFromInline var words: (UInt, UInt) = (0, 0)

    @inlinable
    init() {}
}

extension Future {
    /// Whether a value lies in the storage itself. Constant in specialised code.
    @inlinable static var _fitsInline: Bool {
        MemoryLayout<Success>.size <= MemoryLayout<_OutcomeStorage>.size
            && MemoryLayout<Success>.alignment <= MemoryLayout<_OutcomeStorage>.alignment
    }

    /// The claimer writes the outcome.
    @inlinable
    final func _store(value: Success) {
        unsafe withUnsafeMutablePointer(to: &_storage) { storage in
            let raw = UnsafeMutableRawPointer(storage)
            if Self._fitsInline {
                unsafe raw.initializeMemory(as: Success.self, to: value)
            } else {
                let box = UnsafeMutablePointer<Success>.allocate(capacity: 1)
                unsafe box.initialize(to: value)
                unsafe raw.storeBytes(of: box, as: UnsafeMutablePointer<Success>.self)
            }
        }
    }

    @inlinable
    final func _store(error: any Error) {
        unsafe withUnsafeMutablePointer(to: &_storage) { storage in
            _ = unsafe UnsafeMutableRawPointer(storage).initializeMemory(as: (any Error).self, to: error)
        }
    }

    /// The value of a future that is done and did not fail.
    @inlinable final var _value: Success {
        // A reading access: several threads may read at once. The words are plain to the compiler, who sees no further use of
        // this future behind them, and would let go of it, and with it of what they stand for, before that is retained.
        withExtendedLifetime(self) {
            unsafe withUnsafePointer(to: _storage) { storage in
                let raw = unsafe UnsafeRawPointer(storage)
                if Self._fitsInline { return unsafe raw.assumingMemoryBound(to: Success.self).pointee }
                return unsafe raw.load(as: UnsafeMutablePointer<Success>.self).pointee
            }
        }
    }

    /// The error of a future that is done and failed.
    @inlinable final var _error: any Error {
        // As with a value.
        withExtendedLifetime(self) {
            unsafe withUnsafePointer(to: _storage) { storage in
                unsafe UnsafeRawPointer(storage).assumingMemoryBound(to: (any Error).self).pointee
            }
        }
    }

    /// Of a future that is done. The reader may know that from somebody else, so the outcome is made visible here.
    @inlinable final var _hasFailed: Bool { _state.load(ordering: .acquiring) & _Bits.failed != 0 }

    /// The outcome of a future that is done.
    @inlinable final var _outcome: Result<Success, any Error> { _hasFailed ? .failure(_error) : .success(_value) }

    /// The value of a future that is done, or its error thrown.
    @inlinable
    final func _get() throws -> Success {
        let state = _state.load(ordering: .acquiring)
        if state & (_Bits.failed | _Bits.disposable) != 0 {
            _markObserved()
            if state & _Bits.failed != 0 { throw _error }
        }
        return _value
    }

    /// In `deinit`, when done.
    final func _destroyOutcome(failed: Bool) {
        unsafe withUnsafeMutablePointer(to: &_storage) { storage in
            let raw = UnsafeMutableRawPointer(storage)
            if failed {
                unsafe raw.assumingMemoryBound(to: (any Error).self).deinitialize(count: 1)
            } else if Self._fitsInline {
                unsafe raw.assumingMemoryBound(to: Success.self).deinitialize(count: 1)
            } else {
                let box = unsafe raw.load(as: UnsafeMutablePointer<Success>.self)
                unsafe box.deinitialize(count: 1)
                unsafe box.deallocate()
            }
        }
    }
}
