// Switchyard: every style of asynchronous Swift, talking to every other.
// SPDX-License-Identifier: Apache-2.0

#if canImport(Glibc)
private import Glibc
#elseif canImport(Darwin)
private import Darwin
#endif

/// A plain thread.
// SAFETY: `failure` is written by the thread and read after its end.
package final class Thread: @unchecked Sendable {
    private let body: @Sendable () throws -> Void
    private var failure: (any Error)?
    private var thread = pthread_t(bitPattern: 0)

    /// Starts a thread.
    package init(_ body: @escaping @Sendable () throws -> Void) {
        self.body = body
        pthread_create(
            &thread,
            nil,
            { argument in
                guard let argument else { return nil }
                Unmanaged<Thread>.fromOpaque(argument).takeRetainedValue().run()
                return nil
            },
            // SAFETY: the thread takes this reference back.
            Unmanaged.passRetained(self).toOpaque()
        )
    }

    private func run() { do { try body() } catch { failure = error } }

    /// Waits for its end.
    package func join() throws {
        pthread_join(thread, nil)
        if let failure { throw failure }
    }
}
