// Switchyard: every style of asynchronous Swift, talking to every other.
// SPDX-License-Identifier: Apache-2.0

/// A way to break one sink on purpose: what the matrix does not find broken, it does not prove whole.
public enum Sabotage: String, CaseIterable, Sendable {
    /// The sink `callback` tells its consumer twice.
    case double
    /// The sink `Deferred` tells its consumer nothing.
    case drop
    /// The sink `C callback` tells its consumer on a thread that it did not promise.
    case executor
    /// The sink `await` does not pass its consumer's cancellation on.
    case cancel

    var sink: any Sink.Type {
        switch self {
        case .double: CallbackSink.self
        case .drop: DeferredSink.self
        case .executor: CSink.self
        case .cancel: AwaitSink.self
        }
    }
}
