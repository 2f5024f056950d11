// Switchyard: every style of asynchronous Swift, talking to every other.
// SPDX-License-Identifier: Apache-2.0

public import Futures

/// A legacy callback was called in a way that has no meaning.
public struct InvalidCallback: Error, Sendable, CustomStringConvertible {
    /// What was wrong with the call.
    public enum Reason: Sendable, Hashable {
        /// Neither a value nor an error was passed (PromiseKit: invalidCallingConvention).
        case neitherValueNorError
        /// Nil was passed by a callback that tells of nothing else, `(T?)`.
        case noValue
        /// One of two values was missing, counted from 1, and there was no error.
        case missingValue(number: Int)
        /// A failure was announced without an error: `(false, nil)`.
        case failureWithoutError
        /// The value that was passed is an error: the callback's shape is `(Error?)`, not `(T)` or `(T?)`.
        case errorTakenForValue(type: String)
        /// A C context was used as another type, or another kind, than it was made for.
        case wrongContextType(expected: String, taken: String)
    }

    /// What was wrong with the call.
    public let reason: Reason
    /// Where the bridge stands that received the call.
    public let site: SourceSite

    /// Makes the error; for bridges with further shapes.
    public init(_ reason: Reason, at site: SourceSite) {
        self.reason = reason
        self.site = site
    }

    /// What happened, where it began, what to do.
    public var description: String {
        switch reason {
        case .neitherValueNorError:
            "InvalidCallback: the callback at \(site) was called with neither a value nor an error, so there is no outcome."
                + " If the API means \"nothing found\" by that, make the promise's type optional."
        case .noValue:
            "InvalidCallback: the callback at \(site) was called with nil, so there is no outcome. If the API means \"nothing"
                + " found\" by that, make the promise's type optional."
        case .missingValue(let number):
            "InvalidCallback: the callback at \(site) was called without an error, but value \(number) of 2 was nil. If the"
                + " API may leave it out, make that value's type optional."
        case .failureWithoutError:
            "InvalidCallback: the callback at \(site) was called with false and no error, so nobody knows what failed. If the"
                + " API answers a question by that, use the shape valueAndError with a promise of Bool."
        case .errorTakenForValue(let type):
            "InvalidCallback: the callback at \(site) was called with an error of type \(type) as its value. The shape of such"
                + " a callback is errorOnly, of a promise of Void."
        case .wrongContextType(let expected, let taken):
            "InvalidCallback: the C callback at \(site) took its context as \(taken), but it was made as \(expected). Name"
                + " the same type in both places."
        }
    }
}
