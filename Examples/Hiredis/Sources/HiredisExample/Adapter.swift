// Switchyard: every style of asynchronous Swift, talking to every other.
// SPDX-License-Identifier: Apache-2.0

import CHiredis
import Switchyard

/// A connection of hiredis on a loop, until it is lost, closed, or the loop ends: each fails what is outstanding.
final class Redis: @unchecked Sendable {  // SAFETY: once made, all is touched on the loop only.
    private let loop: IOLoop
    private let connection: UnsafeMutablePointer<redisAsyncContext>
    private var watches: [IODirection: DescriptorWatch] = [:]
    private var (failure, closing) = (RedisError?.none, LoopTimer.spent)
    private lazy var hooks = RepeatingContext<Hook>.untilRemoved { [self] hook in follow(hook) }

    init(_ path: String, on loop: IOLoop) throws {
        guard let connection = redisAsyncConnectUnix(path) else { throw RedisError.lost("out of memory") }
        (self.loop, self.connection) = (loop, connection)
        if let failure = connection.pointee.failure {
            redisAsyncFree(connection)
            throw failure
        }
        connection.pointee.ev.data = hooks.pointer
        connection.pointee.ev.addRead = { RepeatingContext.call($0, with: Hook.add(.read, redisAsyncHandleRead)) }
        connection.pointee.ev.delRead = { RepeatingContext.call($0, with: Hook.remove(.read)) }
        connection.pointee.ev.addWrite = { RepeatingContext.call($0, with: Hook.add(.write, redisAsyncHandleWrite)) }
        connection.pointee.ev.delWrite = { RepeatingContext.call($0, with: Hook.remove(.write)) }
        connection.pointee.ev.cleanup = { RepeatingContext.call($0, with: Hook.cleanup) }
        closing = loop.whenClosed { [self] in destroy() }
    }

    /// A command with one reply: starts on the loop, and ends there after hiredis has returned, which cannot be re-entered.
    func command(_ words: String...) -> Call<Reply> {
        let text = "*\(words.count)\r\n" + words.map { "$\($0.utf8.count)\r\n\($0)\r\n" }.joined()
        return Call(words.joined(separator: " ")) { [self] done in
            if let failure { throw failure }
            try done.passContext { context in
                let status = redisAsyncFormattedCommand(connection, deliver, context, text, text.utf8.count)
                if status != REDIS_OK { throw connection.pointee.failure ?? .closed }
            }
        }.on(loop)
    }

    func close() { loop.post { [self] in destroy() } }
    private func destroy() { if failure == nil { redisAsyncFree(connection) } }

    private func follow(_ hook: Hook) {
        switch hook {
        case .add(let direction, let handle) where watches[direction] == nil:
            watches[direction] = try? loop.watch(connection.pointee.c.fd, direction) { [self] in handle(connection) }
            if watches[direction] == nil { close() }
        case .add: break
        case .remove(let direction): watches.removeValue(forKey: direction)?.remove()
        case .cleanup:
            failure = connection.pointee.failure ?? .closed
            closing.cancel()
            for watch in watches.values { watch.remove() }
            hooks.remove()
        }
    }
}
