// Switchyard: every style of asynchronous Swift, talking to every other.
// SPDX-License-Identifier: Apache-2.0

public import Futures

/// A legacy callback was called in a way that has no meaning.
public struct InvalidCallback: Error, Sendable, CustomStringConvertible {
    /// What was wrong with the call.
    public enum Reason: Sendable, Hashable {
        /// Neither a value nor an error was passed (PromiseKit: invalidCallingConvention).
        case neitherValueNorError
        /// A C context was taken as another type than it was made for.
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
        case .wrongContextType(let expected, let taken):
            "InvalidCallback: the C callback at \(site) took its context as CallbackContext<\(taken)>, but it was made as"
                + " CallbackContext<\(expected)>. Name the same type in both places."
        }
    }
}
