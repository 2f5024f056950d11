// Switchyard: every style of asynchronous Swift, talking to every other.
// SPDX-License-Identifier: Apache-2.0

import CLibevent
public import Futures

#if canImport(Glibc)
import Glibc
#elseif canImport(Musl)
import Musl
#else
import Darwin
#endif

/// A persistent watcher of a descriptor, to remove it with.
public struct DescriptorWatch: Sendable {
    fileprivate let watcher: Watcher
    fileprivate let remover: WatcherRemover

    /// Removes the watcher; its handler is not called again, also not for what the running turn has found.
    ///
    /// - Returns: Completes when the descriptor is out of the poll set and may be closed: on the loop that is so at once.
    @discardableResult
    public func remove() -> Future<Void> { remover.remove(watcher) }
}

extension IOLoop {
    /// Completes when reading from the descriptor would not block. Nothing is watched until a verb is used.
    ///
    /// - Executor: Completes on the loop. Thread-safe.
    /// - Cancellation: Ends the watching. The descriptor may be closed afterwards on the loop's thread; on others when what
    ///   ``unwatch(_:_:)`` returns then has completed.
    /// - Errors: ``DescriptorError``; `LoopClosed`; ``LoopForked``.
    public func readable(_ descriptor: Int32) -> Call<Void> { Call(from: { [self] in ready(descriptor, .read) }) }

    /// Completes when writing to the descriptor would not block. Nothing is watched until a verb is used.
    ///
    /// - Executor: Completes on the loop. Thread-safe.
    /// - Cancellation: Ends the watching. The descriptor may be closed afterwards on the loop's thread; on others when what
    ///   ``unwatch(_:_:)`` returns then has completed.
    /// - Errors: ``DescriptorError``; `LoopClosed`; ``LoopForked``.
    public func writable(_ descriptor: Int32) -> Call<Void> { Call(from: { [self] in ready(descriptor, .write) }) }

    private func ready(_ descriptor: Int32, _ direction: IODirection) -> Future<Void> {
        let promise = Promise<Void>("\(direction) of descriptor \(descriptor)")
        do {
            let watcher = try add(
                descriptor,
                direction,
                persistent: false,
                onReady: { promise.tryComplete(.success(())) },
                onFailure: { promise.tryComplete(.failure($0)) }
            )
            promise.onCancel { [remover] in _ = remover.remove(watcher) }
        } catch {
            promise.tryComplete(.failure(error))
        }
        return promise.future
    }

    /// Calls the handler in each turn in which the descriptor is ready, until the watcher is removed.
    ///
    /// - Executor: The handler runs on the loop, and so does `onEnd`. Thread-safe. In one turn handlers run in the order of
    ///   registration.
    /// - Errors: ``DescriptorError``; `LoopClosed`; ``LoopForked``. What the handler throws is reported, and the loop
    ///   goes on.
    /// - Parameter onEnd: Called when the watcher has ended and nobody removed it: with `LoopClosed` when the loop stops, with
    ///   ``LoopForked`` in a forked child that takes over the loop with its greenlets, and
    ///   with ``DescriptorError`` when the system refuses on the loop what was accepted on another thread. Without it a
    ///   refusal is reported, and the loop's end is not.
    public func watch(
        _ descriptor: Int32,
        _ direction: IODirection,
        handler: @escaping @Sendable () throws -> Void,
        onEnd: (@Sendable (any Error) -> Void)? = nil
    ) throws -> DescriptorWatch {
        let watcher = try add(
            descriptor,
            direction,
            persistent: true,
            onReady: handler,
            onFailure: onEnd ?? { [name] error in
                if error is LoopClosed || error is LoopForked { return }
                Reporter.report(.message("a watcher on loop \"\(name)\" ended: \(error)"))
            }
        )
        return DescriptorWatch(watcher: watcher, remover: remover)
    }

    /// Removes the watcher of a descriptor and direction, if there is one; and waits for one that was cancelled or removed
    /// before, if it is not out of the poll set yet.
    ///
    /// - Returns: Completes when the descriptor is out of the poll set and may be closed: on the loop that is so at once.
    @discardableResult
    public func unwatch(_ descriptor: Int32, _ direction: IODirection) -> Future<Void> {
        if let watcher = descriptors.watcher(descriptor, direction) { return remover.remove(watcher) }
        return descriptors.isLeaving(descriptor, direction) ? remover.removeEnded(descriptor) : .succeeded(())
    }

    private func add(
        _ descriptor: Int32,
        _ direction: IODirection,
        persistent: Bool,
        onReady: @escaping @Sendable () throws -> Void,
        onFailure: @escaping @Sendable (any Error) -> Void
    ) throws -> Watcher {
        let operation = Watcher.operation(descriptor, direction)
        guard !isForked else { throw LoopForked(loop: name, operation: operation) }
        if let reason = Self.obstacle(descriptor) {
            throw DescriptorError(descriptor: descriptor, direction: direction, reason: reason)
        }
        let reservation = descriptors.reserve(
            descriptor,
            direction,
            persistent: persistent,
            onReady: onReady,
            onFailure: onFailure
        )
        switch reservation {
        case .inUse: throw DescriptorError(descriptor: descriptor, direction: direction, reason: .inUse)
        case .closed: throw LoopClosed(loop: name, operation: operation)
        case .granted(let watcher):
            if isCurrent {
                if let error = install(watcher) {
                    _ = watcher.end()
                    watcher.dropHandlers()
                    throw error
                }
            } else if !tryPost({ [unowned self] in if let error = install(watcher) { watcher.fail(error) } }) {
                _ = watcher.end()
                throw LoopClosed(loop: name, operation: operation)
            }
            return watcher
        }
    }

    /// The poll set refuses some descriptors, and some only on some systems: better the same answer everywhere, at once.
    private static func obstacle(_ descriptor: Int32) -> DescriptorError.Reason? {
        var status = stat()
        guard unsafe fstat(descriptor, &status) == 0 else { return errno == EBADF ? .notOpen : .system(errno) }
        switch status.st_mode & S_IFMT {
        case S_IFREG, S_IFDIR: return .notPollable
        case S_IFCHR, S_IFBLK: return isPollable(device: descriptor) ? nil : .notPollable
        default: return nil
        }
    }

    /// On the loop.
    ///
    /// - Returns: Why the system refuses it.
    private func install(_ watcher: Watcher) -> DescriptorError? {
        descriptors.uninstallEnded()
        guard watcher.isLive else { return nil }
        let code = watcher.install(in: poller)
        guard code != 0 else { return nil }
        descriptors.release(watcher)
        let reason: DescriptorError.Reason =
            switch code {
            case EBADF: .notOpen
            case EPERM: .notPollable
            default: .system(code)
            }
        return DescriptorError(descriptor: watcher.descriptor, direction: watcher.direction, reason: reason)
    }

    private var remover: WatcherRemover { WatcherRemover(descriptors: descriptors, mailbox: mailbox, box: box) }

    /// Calls the watcher, unless it was removed in this turn.
    func deliver(_ watcher: Watcher) {
        let onReady = watcher.onReady
        if watcher.isPersistent {
            guard watcher.isLive else { return }
        } else {
            guard watcher.end() else { return }
            descriptors.release(watcher)
            descriptors.uninstallEnded()
        }
        do { try onReady?() } catch {
            Reporter.report(
                .message(
                    "the handler for \(watcher.direction) of descriptor \(watcher.descriptor) on loop \"\(name)\" threw"
                        + " \(error.sentence) It stays registered; handle the error there, or remove the watcher."
                )
            )
        }
    }
}

/// Removes watchers, without holding the loop.
private struct WatcherRemover: Sendable {
    let descriptors: DescriptorTable
    let mailbox: Mailbox
    let box: LoopBox

    func remove(_ watcher: Watcher) -> Future<Void> {
        if watcher.end() { descriptors.release(watcher) }
        return removeEnded(watcher.descriptor)
    }

    func removeEnded(_ descriptor: Int32) -> Future<Void> {
        if box.isCurrent {
            descriptors.uninstallEnded()
            return .succeeded(())
        }
        let promise = Promise<Void>("removal of a watcher of descriptor \(descriptor)")
        let work = LoopWork.callback { [descriptors] in
            descriptors.uninstallEnded()
            promise.tryComplete(.success(()))
        }
        // A loop that ends, or has ended, uninstalls all of them.
        if !mailbox.append(work, of: nil, isOnLoop: { false }) { promise.tryComplete(.success(())) }
        return promise.future
    }
}

extension Watcher {
    static func operation(_ descriptor: Int32, _ direction: IODirection) -> String {
        "watching descriptor \(descriptor) for \(direction)"
    }

    var operation: String { Self.operation(descriptor, direction) }
}

/// A terminal is, `/dev/null` is not. Asks a poll set made for that: the loop's answers on the loop's thread only.
private func isPollable(device: Int32) -> Bool {
    #if os(Linux)
    let set = epoll_create1(Int32(EPOLL_CLOEXEC))
    guard set >= 0 else { return true }
    defer { close(set) }
    var event = unsafe epoll_event()
    return unsafe epoll_ctl(set, EPOLL_CTL_ADD, device, &event) == 0 || errno != EPERM
    #else
    return true
    #endif
}
