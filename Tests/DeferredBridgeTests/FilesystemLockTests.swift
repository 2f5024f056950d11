// Switchyard: every style of asynchronous Swift, talking to every other.
// SPDX-License-Identifier: Apache-2.0

import ConversionTesting
import DeferredBridge
import Futures
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
        _ = unsafe unlink(path + "/lock")
        _ = unsafe rmdir(path)
    }
}
