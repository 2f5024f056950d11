// Switchyard: every style of asynchronous Swift, talking to every other.
// SPDX-License-Identifier: Apache-2.0

import Futures

/// A loop was told to run where it cannot.
public struct CannotRunLoop: Error, Sendable, CustomStringConvertible {
    /// Why it cannot.
    public enum Reason: Sendable, Hashable {
        /// It runs already: in an outer frame, on its own thread, or on another one.
        case alreadyRunning
        /// The calling thread runs another loop.
        case insideLoop(String)
        /// The caller is a Swift task.
        case insideTask
        /// The caller is a greenlet.
        case insideGreenlet
        /// The caller is a fiber: the loop's greenlets could not come back to the thread's own stack.
        case insideFiber
        /// The caller is an observer of a future.
        case insideObserver
        /// The process was forked since the loop was made.
        case forked
    }

    /// The loop's name.
    public let loop: String
    /// Why it cannot run here.
    public let reason: Reason

    package init(loop: String, reason: Reason) {
        self.loop = loop
        self.reason = reason
    }

    /// What happened, where it began, what to do.
    public var description: String {
        let text =
            switch reason {
            case .alreadyRunning:
                "it is running already, and a loop runs once. Post to it instead, or wait for its results in a greenlet or"
                    + " on another thread."
            case .insideLoop(let outer):
                "this thread is running loop \"\(outer)\", which would stop meanwhile. Use one loop, or a thread for each."
            case .insideTask:
                "the caller is a Swift task, whose thread must not be held. Use `try await x.value`, or a loop with a"
                    + " thread of its own: IOLoop.onOwnThread(name:)."
            case .insideGreenlet: "the caller is a greenlet; its own loop runs it. Use x.wait()."
            case .insideFiber:
                "the caller is a fiber, and a loop runs on its thread's own stack. Run it outside of all fibers."
            case .insideObserver:
                "the caller is an observer of a future, which must return. Use flatMap, or a greenlet."
            case .forked:
                "the process was forked since the loop was made, and the parent uses the same kernel objects. Call"
                    + " reinitializeAfterFork() in the child first."
            }
        return "CannotRunLoop: loop \"\(loop)\" cannot be run here: \(text)"
    }
}

/// The operating system refused what a loop needs, such as descriptors.
public struct LoopUnavailable: Error, Sendable, CustomStringConvertible {
    /// What was asked of the system.
    public let operation: String
    /// The system's error number.
    public let code: Int32

    /// What happened, where it began, what to do.
    public var description: String {
        "LoopUnavailable: \(operation) failed with error \(code); the process is probably out of descriptors. Stop and"
            + " release loops that are no longer used, or raise the limit."
    }
}

/// The operating system has no further thread for this process.
public struct ThreadUnavailable: Error, Sendable, CustomStringConvertible {
    /// The thread's name.
    public let thread: String
    /// The system's error number.
    public let code: Int32

    /// What happened, where it began, what to do.
    public var description: String {
        "ThreadUnavailable: thread \(thread) could not be started, error \(code); the process has as many as it may, or no"
            + " memory for a stack. Use fewer loops and smaller pools, or raise the limit."
    }
}

/// A loop made before a fork was used in the child.
public struct LoopForked: Error, Sendable, CustomStringConvertible {
    /// The loop's name.
    public let loop: String
    /// What was asked of the loop.
    public let operation: String

    package init(loop: String, operation: String) {
        self.loop = loop
        self.operation = operation
    }

    /// What happened, where it began, what to do.
    public var description: String {
        "LoopForked: \(operation) on loop \"\(loop)\", which belongs to the parent process. Call reinitializeAfterFork()"
            + " in the child first, or make a new loop."
    }
}

/// A descriptor cannot be watched.
public struct DescriptorError: Error, Sendable, CustomStringConvertible {
    /// Why it cannot be watched.
    public enum Reason: Sendable, Hashable {
        /// The number names no open file (EBADF).
        case notOpen
        /// The file is always ready (EPERM): a regular file, a directory, or a device such as `/dev/null`.
        case notPollable
        /// Somebody watches this descriptor in this direction already.
        case inUse
        /// Another error number of the system.
        case system(Int32)
    }

    /// The descriptor.
    public let descriptor: Int32
    /// What was to be watched for.
    public let direction: IODirection
    /// Why it cannot be watched.
    public let reason: Reason

    /// What happened, where it began, what to do.
    public var description: String {
        let text =
            switch reason {
            case .notOpen: "it is not open (EBADF). Watch it after opening, and remove watchers before closing."
            case .notPollable:
                "it is a regular file, a directory or a device that is always ready (EPERM), which the system cannot poll. Use"
                    + " it in a worker pool."
            case .inUse:
                "somebody watches it in this direction already. Remove that watcher or await that future first, or share"
                    + " one watcher."
            case .system(let code):
                "the system refused it with error \(code), probably because of a limit. Remove watchers that are no longer"
                    + " needed, or raise the limit (on Linux fs.epoll.max_user_watches)."
            }
        return "DescriptorError: descriptor \(descriptor) cannot be watched for \(direction): \(text)"
    }
}

/// A periodic call was given a period it cannot keep.
public struct InvalidPeriod: Error, Sendable, CustomStringConvertible {
    /// The period.
    public let period: Duration
    /// The jitter.
    public let jitter: Double

    /// What happened, where it began, what to do.
    public var description: String {
        "InvalidPeriod: a periodic call needs a period above zero (it is \(period)) and a jitter from 0 to 1 (it is"
            + " \(jitter)). For a call in every turn, post again from the callback."
    }
}
