// Switchyard: every style of asynchronous Swift, talking to every other.
// SPDX-License-Identifier: Apache-2.0

import ConversionTesting
import DeferredBridge
import Futures
import Synchronization
import Testing

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#else
import Darwin
#endif

@Suite struct FilesystemLockTests {
    private let loop = VirtualLoop()
    private let folder = TemporaryFolder()

    private func lock() -> DeferredFilesystemLock { DeferredFilesystemLock(path: folder.path + "/lock", on: loop) }

    @Test("D24: a free lock is taken at once, a taken one when a look each second finds it free")
    func polls() throws {
        let (one, two) = (lock(), lock())
        #expect(one.deferUntilLocked().words == "()")
        let waiting = two.deferUntilLocked()
        try loop.advance(by: .milliseconds(2500))
        #expect(waiting.words == "pending" && one.isHeld && !two.isHeld)
        try one.unlock()
        #expect(waiting.words == "pending")
        try loop.advance(by: .milliseconds(500))
        #expect(waiting.words == "()" && two.isHeld)
        #expect(loop.pendingTimers == 0)
        try two.unlock()
        #expect(throws: LockFileNotHeld.self) { try two.unlock() }
    }

    @Test("D24: a timeout, a second use and a cancellation are told apart, and the lock can be used again")
    func errors() throws {
        let (one, two) = (lock(), lock())
        #expect(try one.lock())
        let first = two.deferUntilLocked(timeout: .seconds(5))
        let second = two.deferUntilLocked()
        #expect(second.words == "AlreadyTryingToLock")
        try loop.advance(by: .seconds(5))
        #expect(first.words == "TimedOut")
        let third = two.deferUntilLocked()
        third.cancel()
        #expect(third.words == "CancellationError")
        #expect(loop.pendingTimers == 0)
        try one.unlock()
        #expect(two.deferUntilLocked().words == "()")
        for deferred in [first, second] { deferred.ignoreFailure() }
    }

    @Test("D24: there is one more look when the time is over, and at a cancellation")
    func lastLook() throws {
        for cancels in [true, false] {
            let (one, two) = (lock(), lock())
            #expect(try one.lock())
            let waiting = two.deferUntilLocked(timeout: .milliseconds(1500))
            try loop.advance(by: .milliseconds(1200))
            try one.unlock()
            if cancels { waiting.cancel() } else { try loop.advance(by: .milliseconds(300)) }
            #expect(waiting.words == "()" && two.isHeld)
            try two.unlock()
        }
    }

    @Test("D24: the lock of a process that is gone is taken over")
    func stale() throws {
        // No process has this id.
        #expect(unsafe symlink("999999999", folder.path + "/lock") == 0)
        #expect(lock().deferUntilLocked().words == "()")
    }

    @Test("D24: of several who find a lock stale one takes it over, and nobody a lock that was taken meanwhile")
    func staleForSeveral() async throws {
        // Two objects exclude each other like two processes do, and threads come closer to each other.
        let (contenders, rounds) = (8, scaled(4000))
        let gates = (0..<rounds).map { _ in Gate(contenders) }
        let (folder, loop) = (folder, loop)
        var threads: [Task<[Bool?], any Error>] = []
        for _ in 0..<contenders {
            threads.append(
                Task {
                    try await onThread {
                        gates.map { gate in
                            let path = "\(folder.path)/lock"
                            if gate.arrive() {
                                // The last one of this round: nobody else is at the lock.
                                _ = unsafe unlink(path)
                                _ = unsafe symlink("999999999", path)
                                gate.open()
                            }
                            gate.wait()
                            return try? DeferredFilesystemLock(path: path, on: loop).lock()
                        }
                    }
                }
            )
        }
        var answers: [[Bool?]] = []
        for thread in threads { answers.append(try await thread.value) }
        let isWrong = (0..<rounds).filter { round in
            answers.count { $0[round] == true } != 1 || answers.contains { $0[round] == nil }
        }
        #expect(isWrong.isEmpty)
        #expect(unsafe access(folder.path + "/lock.takeover", F_OK) != 0)
    }

    @Test("D24: what a killed process left of a take-over is no obstacle, and one that is under way is waited for")
    func takeover() throws {
        #expect(unsafe symlink("999999999", folder.path + "/lock") == 0)
        let descriptor = unsafe open(folder.path + "/lock.takeover", O_CREAT | O_RDWR, 0o600)
        defer { close(descriptor) }
        #expect(flock(descriptor, LOCK_EX) == 0)
        let waiting = lock().deferUntilLocked()
        #expect(waiting.words == "pending")
        // As the kernel does at a process's end.
        #expect(flock(descriptor, LOCK_UN) == 0)
        try loop.advance(by: .seconds(1))
        #expect(waiting.words == "()")
        #expect(unsafe access(folder.path + "/lock.takeover", F_OK) != 0)
    }

    @Test("D24: a link that names no process is somebody else's: it stays, and is an error")
    func foreign() throws {
        for text in ["ada@host:17", "0", "-1", "99999999999"] {
            #expect(unsafe symlink(text, folder.path + "/lock") == 0)
            let error = #expect(throws: LockFileError.self) { try lock().lock() }
            #expect(error?.operation == "readlink")
            #expect(unsafe unlink(folder.path + "/lock") == 0)
        }
    }

    @Test("D24, B5: a folder that does not exist is an error, a loop that stops is another")
    func failures() throws {
        let nowhere = DeferredFilesystemLock(path: folder.path + "/none/lock", on: loop).deferUntilLocked()
        #expect(nowhere.words == "LockFileError")
        #expect(try lock().lock())
        let waiting = lock().deferUntilLocked()
        loop.stop()
        #expect(waiting.words == "LoopClosed")
        nowhere.ignoreFailure()
        waiting.ignoreFailure()
    }
}

/// A folder that is removed with its lock files at the end.
private final class TemporaryFolder: Sendable {
    let path: String

    init() {
        var template = Array("/tmp/deferred-lock-XXXXXX".utf8CString)
        path = unsafe template.withUnsafeMutableBufferPointer { unsafe String(cString: mkdtemp($0.baseAddress!)) }
    }

    deinit {
        for file in ["/lock", "/lock.takeover"] { _ = unsafe unlink(path + file) }
        _ = unsafe rmdir(path)
    }
}

/// Where threads meet, to go on at the same time.
private final class Gate: Sendable {
    private let missing: Atomic<Int>
    private let isOpen = Atomic(false)

    init(_ count: Int) { missing = Atomic(count) }

    /// True for the last one.
    func arrive() -> Bool { missing.subtract(1, ordering: .acquiringAndReleasing).newValue == 0 }

    func open() { isOpen.store(true, ordering: .releasing) }

    func wait() { while !isOpen.load(ordering: .acquiring) { sched_yield() } }
}
