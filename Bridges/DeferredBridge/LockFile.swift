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
            switch try look() {
            case .free: continue
            case .held: return false
            case .stale: guard try removeStale() else { return false }
            }
        }
    }

    func unlock() throws {
        guard try holder() == "\(getpid())" else { throw LockFileNotHeld(path: path) }
        guard unsafe unlink(path) == 0 else { throw LockFileError(operation: "unlink", path: path, code: errno) }
    }

    private enum Look { case free, held, stale }

    private func look() throws -> Look {
        guard let holder = try holder() else { return .free }
        guard let id = pid_t(holder), id > 0 else {
            // Somebody else's link, who may be alive.
            throw LockFileError(operation: "readlink", path: path, code: EINVAL)
        }
        return kill(id, 0) == 0 || errno != ESRCH ? .held : .stale
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

    /// Removes the link if it is stale still: alone, or a second one who found it stale would remove the lock of a first
    /// who has taken it since. A link whose process is gone changes under the one who removes it, and under nobody else.
    ///
    /// - Returns: False if somebody else is doing that.
    private func removeStale() throws -> Bool {
        guard let guardian = try TakeoverFile.hold(path + ".takeover") else { return false }
        defer { guardian.remove() }
        if try look() == .stale, unsafe unlink(path) != 0, errno != ENOENT {
            throw LockFileError(operation: "unlink", path: path, code: errno)
        }
        return true
    }
}

/// A file that exists while somebody holds it. The kernel releases it at the process's end; one that is left over is used by
/// the next.
private struct TakeoverFile {
    private let path: String
    private let descriptor: Int32

    /// Nil if somebody holds it.
    static func hold(_ path: String) throws -> TakeoverFile? {
        while true {
            let descriptor = unsafe open(path, O_RDONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0o644)
            guard descriptor >= 0 else { throw LockFileError(operation: "open", path: path, code: errno) }
            let file = TakeoverFile(path: path, descriptor: descriptor)
            guard flock(descriptor, LOCK_EX | LOCK_NB) == 0 else {
                let code = errno
                close(descriptor)
                if code == EWOULDBLOCK { return nil }
                throw LockFileError(operation: "flock", path: path, code: code)
            }
            if file.isInPlace { return file }
            file.release()
        }
    }

    /// Its last holder may have removed it after it was opened here: then another one may be held by somebody else.
    private var isInPlace: Bool {
        var (own, present) = (stat(), stat())
        return unsafe fstat(descriptor, &own) == 0 && lstat(path, &present) == 0
            && own.st_dev == present.st_dev && own.st_ino == present.st_ino
    }

    func remove() {
        _ = unsafe unlink(path)
        release()
    }

    /// A child that was forked meanwhile has the descriptor, too, and does not keep the lock.
    private func release() {
        _ = flock(descriptor, LOCK_UN)
        close(descriptor)
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
