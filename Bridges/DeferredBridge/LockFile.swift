// Switchyard: every style of asynchronous Swift, talking to every other.
// SPDX-License-Identifier: Apache-2.0

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#else
import Darwin
#endif

/// A symbolic link whose text is the id of the process that holds it: made atomically, and readable by others.
struct LockFile: Sendable {
    let path: String

    /// Makes the link, if there is none, or one of a process that is gone.
    func tryLock() throws -> Bool {
        while true {
            if unsafe symlink("\(getpid())", path) == 0 { return true }
            guard errno == EEXIST else { throw LockFileError(operation: "symlink", path: path, code: errno) }
            guard let holder = try holder() else { continue }
            if let id = pid_t(holder), id > 0, kill(id, 0) == 0 || errno != ESRCH { return false }
            try removeStale(holder)
        }
    }

    func unlock() throws {
        guard try holder() == "\(getpid())" else { throw LockFileNotHeld(path: path) }
        guard unsafe unlink(path) == 0 else { throw LockFileError(operation: "unlink", path: path, code: errno) }
    }

    /// The text of the link; nil if there is none.
    private func holder() throws -> String? {
        let text = unsafe withUnsafeTemporaryAllocation(of: CChar.self, capacity: 64) { buffer -> String? in
            let length = unsafe readlink(path, buffer.baseAddress!, buffer.count)
            guard length >= 0 else { return nil }
            return unsafe String(decoding: buffer.prefix(length).map { UInt8(bitPattern: $0) }, as: UTF8.self)
        }
        if let text { return text }
        guard errno == ENOENT else { throw LockFileError(operation: "readlink", path: path, code: errno) }
        return nil
    }

    /// Moved away before it is removed: of several that find it stale only one has it, and sees if it was replaced
    /// meanwhile.
    private func removeStale(_ holder: String) throws {
        let aside = LockFile(path: "\(path).stale-\(getpid())-\(UInt32.random(in: 0 ... .max))")
        guard unsafe rename(path, aside.path) == 0 else {
            if errno == ENOENT { return }
            throw LockFileError(operation: "rename", path: path, code: errno)
        }
        if try aside.holder() == holder {
            _ = unsafe unlink(aside.path)
        } else {
            _ = unsafe rename(aside.path, path)
        }
    }
}

/// A system call on a lock file failed.
public struct LockFileError: Error, Sendable, CustomStringConvertible {
    /// The system call.
    public let operation: String
    /// The lock file.
    public let path: String
    /// The error number.
    public let code: Int32

    /// What happened, where it began, what to do.
    public var description: String {
        "LockFileError: \(operation) of the lock file \(path) failed: \(unsafe String(cString: strerror(code))) (errno \(code))."
            + " Check that its folder exists and may be written to, and that no other file has the name."
    }
}

/// A lock file was released by a process that does not hold it.
public struct LockFileNotHeld: Error, Sendable, CustomStringConvertible {
    /// The lock file.
    public let path: String

    /// What happened, where it began, what to do.
    public var description: String {
        "LockFileNotHeld: unlock() of the lock file \(path), which this process does not hold. Release it once for each time it"
            + " was acquired."
    }
}

/// A lock file was asked for while the same object waits for it already (Twisted: AlreadyTryingToLockError).
public struct AlreadyTryingToLock: Error, Sendable, CustomStringConvertible {
    /// The lock file.
    public let path: String

    /// What happened, where it began, what to do.
    public var description: String {
        "AlreadyTryingToLock: deferUntilLocked() for the lock file \(path), which this object waits for already. Use the first"
            + " Deferred, or one DeferredFilesystemLock for each who waits."
    }
}
