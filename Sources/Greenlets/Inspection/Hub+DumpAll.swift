// Switchyard: every style of asynchronous Swift, talking to every other.
// SPDX-License-Identifier: Apache-2.0

public import Futures
import Loops

extension Hub {
    /// All greenlets of the process, loop by loop, each as ``dump(of:backtraces:)`` shows them.
    ///
    /// A loop that does not answer in time is shown as blocked, with the greenlet that holds its thread and where that is. A loop
    /// that its caller drives, and does not drive now, does not answer either.
    ///
    ///     Hub.dumpAll().callback { text in print((try? text.get()) ?? "") }
    ///
    /// - Executor: Callable from any thread. Completes on a thread of its own.
    /// - Cancellation: Affects only the future.
    /// - Errors: ``/Loops/ThreadUnavailable``.
    /// - Parameters:
    ///   - limit: How long all loops together have to answer.
    ///   - backtraces: Also where the greenlets are.
    public static func dumpAll(within limit: Duration = .seconds(1), backtraces: Bool = false) -> Future<String> {
        let answers = unsafe Scheduler.everyone.compactMap { unsafe Answer(of: $0, backtraces) }
        let promise = Promise<String>("a dump of all greenlets")
        do {
            try PlainThread.start("sy-dump") {
                let end = LoopInstant.now.advanced(by: limit)
                let texts = answers.map { $0.text(until: end) }
                promise.succeed(texts.isEmpty ? "no loop has greenlets" : texts.joined(separator: "\n"))
            }
        } catch { promise.fail(error) }
        return promise.future
    }

    /// What one hub has to say.
    @safe
    // SAFETY: the scheduler's memory is never freed, and its atomics alone are used.
    private struct Answer: @unchecked Sendable {
        let scheduler: UnsafeMutablePointer<Scheduler>
        let name: String
        let dump: Future<String>

        /// Nil if there is no hub any more, or its loop has stopped.
        init?(of scheduler: UnsafeMutablePointer<Scheduler>, _ backtraces: Bool) {
            guard let door = unsafe scheduler.pointee.openDoor else { return nil }
            let promise = Promise<String>("a dump of the greenlets of loop \"\(door.name)\"")
            // SAFETY: a hub that runs what is posted to it is alive.
            nonisolated(unsafe) let memory = unsafe scheduler
            let ask: @Sendable () -> Void = {
                promise.succeed(unsafe memory.pointee.hub._withUnsafeGuaranteedRef { $0.dump(backtraces) })
            }
            if door.isHere { ask() } else if door.poster?.tryPost(ask) != true { return nil }
            unsafe self.scheduler = unsafe scheduler
            name = door.name
            dump = promise.future
        }

        func text(until end: LoopInstant) -> String {
            do { return try dump.wait(timeout: max(.zero, LoopInstant.now.duration(to: end))) } catch is TimedOut {
                return blocked()
            } catch { return "loop \"\(name)\" has stopped meanwhile" }
        }

        private func blocked() -> String {
            let title = "loop \"\(name)\" is blocked, and does not show its greenlets"
            let isRunning = unsafe scheduler.pointee.isRunning
            guard (try? Sampler.open(for: "a dump")) != nil else { return title }
            defer { Sampler.close() }
            guard let sample = unsafe Sampler.sample(scheduler) else {
                return title + (isRunning ? ": a greenlet holds its thread" : ", or nobody runs it")
            }
            let who =
                sample.greenlet.map { ": the greenlet \($0._summary) holds its thread" }
                ?? ": a callback or a job holds its thread, or nobody runs it"
            return ([title + who] + sample.lines.map { "    " + $0 }).joined(separator: "\n")
        }
    }
}
