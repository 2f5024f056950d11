// Switchyard: every style of asynchronous Swift, talking to every other.
// SPDX-License-Identifier: Apache-2.0

import CHiredis
import Switchyard

/// What a redis server answers.
enum Reply: Sendable, CustomStringConvertible {
    case null
    case integer(Int)
    case text(String)
    case list([Reply])

    /// Copies what hiredis frees when its callback returns.
    init(_ reply: redisReply) throws {
        switch reply.type {
        case REDIS_REPLY_NIL: self = .null
        case REDIS_REPLY_INTEGER: self = .integer(Int(reply.integer))
        case REDIS_REPLY_ARRAY:
            self = .list(try (0..<reply.elements).map { try Reply(reply.element[$0]!.pointee) })
        case REDIS_REPLY_ERROR: throw RedisError.refused(Reply.text(of: reply))
        default: self = .text(Reply.text(of: reply))
        }
    }

    private static func text(of reply: redisReply) -> String {
        String(decoding: UnsafeRawBufferPointer(start: reply.str, count: reply.len), as: UTF8.self)
    }

    var description: String {
        switch self {
        case .null: "(null)"
        case .integer(let number): "\(number)"
        case .text(let text): text
        case .list(let replies): "\(replies)"
        }
    }
}

/// Why there is no reply.
enum RedisError: Error, CustomStringConvertible {
    /// The connection was lost, or never made; with the words of hiredis.
    case lost(String)
    /// The connection was closed here.
    case closed
    /// The server answered with an error.
    case refused(String)

    var description: String {
        switch self {
        case .lost(let reason): "RedisError.lost: \(reason)"
        case .closed: "RedisError.closed: the connection was closed here"
        case .refused(let reason): "RedisError.refused: \(reason)"
        }
    }
}

/// What hiredis wants of whoever drives its socket.
enum Hook {
    case add(IODirection, @Sendable (UnsafeMutablePointer<redisAsyncContext>?) -> Void)
    case remove(IODirection)
    /// The connection is about to be freed.
    case cleanup
}

/// What hiredis calls at the end of each command, once.
func deliver(
    _ connection: UnsafeMutablePointer<redisAsyncContext>?,
    _ reply: UnsafeMutableRawPointer?,
    _ context: UnsafeMutableRawPointer?
) {
    guard let done = CallbackContext<Reply>.take(context) else { return }
    if let reply = reply?.assumingMemoryBound(to: redisReply.self).pointee {
        done.complete(with: Result { try Reply(reply) })
    } else {
        done.fail(connection?.pointee.failure ?? .closed)
    }
}

extension redisAsyncContext {
    /// Why the connection is of no use; nil if it was closed here.
    var failure: RedisError? { err == REDIS_OK ? nil : .lost(String(cString: errstr)) }
}
