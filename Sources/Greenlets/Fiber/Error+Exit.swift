// Switchyard: every style of asynchronous Swift, talking to every other.
// SPDX-License-Identifier: Apache-2.0

extension Error {
    /// Whether this is the ``GreenletExit`` of a greenlet or fiber that is being killed.
    ///
    /// A bare `catch` takes that like any error; who goes on then is not killed. Rethrow it where you catch everything:
    ///
    ///     do { try step() } catch {
    ///         try error.rethrowIfExit()
    ///         log(error)
    ///     }
    public var isGreenletExit: Bool { self is GreenletExit }

    /// Throws this error if it is the ``GreenletExit`` of a greenlet or fiber that is being killed (greenlet: GreenletExit is
    /// outside of the errors that a broad handler takes).
    ///
    /// - Errors: Itself.
    public func rethrowIfExit() throws {
        if isGreenletExit { throw self }
    }
}
