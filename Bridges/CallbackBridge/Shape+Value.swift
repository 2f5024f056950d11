// Switchyard: every style of asynchronous Swift, talking to every other.
// SPDX-License-Identifier: Apache-2.0

public import Futures

// The shapes `(T)` and `(T?)`, which cannot tell of an error.

extension Promise {
    /// Completes the promise from a callback of the shape `(T?)`.
    ///
    /// A promise of an optional type takes nil as its value. A callback that is passed an error or nil is another shape, see
    /// ``complete(error:fileID:line:)``: here the error would count as the value.
    ///
    /// - Cancellation: See ``complete(_:error:fileID:line:)``.
    /// - Errors: ``InvalidCallback`` for nil. A call beyond the first is absorbed and reported.
    @inlinable
    public func complete(optionalValue value: Success?, fileID: StaticString = #fileID, line: UInt = #line) {
        guard let value = value ?? absence(of: Success.self) else {
            return failAsInvalid(.noValue, fileID: fileID, line: line)
        }
        succeed(value, fileID: fileID, line: line)
    }

    /// The promise as a callback of the shape `(T)`, to pass on as it is. Thrown away uncalled it is a
    /// ``/Futures/BrokenPromise``.
    ///
    /// - Errors: ``InvalidCallback`` if the type is one of errors: that is the shape `(Error?)`, ``errorOnlyCallback(fileID:line:)``.
    public func valueCallback(
        fileID: StaticString = #fileID,
        line: UInt = #line
    ) -> @Sendable (Success) -> Void {
        { value in
            if self.refuseError(value, fileID: fileID, line: line) { return }
            self.succeed(value, fileID: fileID, line: line)
        }
    }

    /// The promise as a callback of the shape `(T?)`, to pass on as it is. Thrown away uncalled it is a
    /// ``/Futures/BrokenPromise``.
    ///
    /// - Errors: As of ``valueCallback(fileID:line:)``; ``InvalidCallback`` for nil, unless the promise's type is optional.
    public func optionalValueCallback(
        fileID: StaticString = #fileID,
        line: UInt = #line
    ) -> @Sendable (Success?) -> Void {
        { value in
            if let value, self.refuseError(value, fileID: fileID, line: line) { return }
            self.complete(optionalValue: value, fileID: fileID, line: line)
        }
    }

    /// An error passed as the value means that the legacy function has the shape `(Error?)`, which fits `(T?)` as well and
    /// would turn each failure into a success (google/promises does).
    private func refuseError(_ value: Success, fileID: StaticString, line: UInt) -> Bool {
        guard let error = value as? any Error else { return false }
        failAsInvalid(.errorTakenForValue(type: "\(type(of: error))"), fileID: fileID, line: line)
        return true
    }
}

extension IncomingShape where Callback == @Sendable (Success) -> Void {
    /// `(T)`: the value.
    public static var value: Self { Self { $0.valueCallback(fileID: $1, line: $2) } }
}

extension IncomingShape where Callback == @Sendable (Success?) -> Void {
    /// `(T?)`: the value; nil is an error, unless the type is optional.
    public static var optionalValue: Self { Self { $0.optionalValueCallback(fileID: $1, line: $2) } }
}

extension OutgoingShape where Callback == @Sendable (Success) -> Void {
    /// `(T)`: the value, or what stands in for an error.
    ///
    /// - Parameter onError: The value to call with after a failure or a cancellation.
    public static func value(onError: @escaping @Sendable (any Error) -> Success) -> Self {
        Self { callback, outcome in
            switch outcome {
            case .success(let value): callback(value)
            case .failure(let error): callback(onError(error))
            }
        }
    }
}

extension OutgoingShape where Callback == @Sendable (Success?) -> Void {
    /// `(T?)`: the value, or nil after a failure or a cancellation. The error goes to the ``/Futures/Reporter``.
    public static var optionalValue: Self {
        Self { callback, outcome in
            if let error = outcome.error { reportLoss(of: error, shape: "(T?)") }
            callback(outcome.value)
        }
    }
}
