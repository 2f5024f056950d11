// Switchyard: every style of asynchronous Swift, talking to every other.
// SPDX-License-Identifier: Apache-2.0

import CCares
import Switchyard

/// c-ares on a loop, until `close()` or the loop's own end: either fails what is outstanding.
final class Resolver: @unchecked Sendable {  // SAFETY: once made, all is touched on the loop only.
    private let loop: IOLoop
    private var (channel, status) = (ares_channel?.none, ARES_SUCCESS)
    private lazy var sockets = RepeatingContext<Socket>.untilRemoved { [self] socket in watch(socket) }
    private var (alarm, closing) = (LoopTimer.spent, LoopTimer.spent)

    init(on loop: IOLoop, servers: String, timeoutInMilliseconds: Int32) {
        self.loop = loop
        var options = ares_options()
        (options.flags, options.tries, options.timeout) = (ARES_FLAG_NOSEARCH, 1, timeoutInMilliseconds)
        options.sock_state_cb_data = sockets.pointer
        options.sock_state_cb = { RepeatingContext.call($0, with: Socket($1, reads: $2, writes: $3)) }
        let mask = ARES_OPT_FLAGS | ARES_OPT_TRIES | ARES_OPT_TIMEOUTMS | ARES_OPT_SOCK_STATE_CB
        status = ares_init_options(&channel, &options, mask)
        if status == ARES_SUCCESS { status = ares_set_servers_ports_csv(channel, servers) }
        closing = loop.whenClosed { [self] in destroy() }
    }

    /// The addresses of a name. A cancelled call ends at once; its query, which c-ares cannot cancel alone, does in silence.
    func addresses(of name: String) -> Call<[String]> {
        // Starts on the loop, and its outcome arrives after c-ares has returned, which must not be called from its callbacks.
        Call("the addresses of \(name)") { [self] done in
            guard status == ARES_SUCCESS else { throw AresError(status: status) }
            done.passContext { context in ares_getaddrinfo(channel, name, nil, nil, deliver, context) }
            process()
        }.on(loop)
    }

    func close() { loop.post { [self] in destroy() } }

    private func watch(_ socket: Socket) {
        for direction in [IODirection.read, .write] { loop.unwatch(socket.fd, direction) }
        // Should a socket be refused, c-ares hears nothing from it, and its time limit ends the query.
        if socket.reads { _ = try? loop.watch(socket.fd, .read) { [self] in process(reading: socket.fd) } }
        if socket.writes { _ = try? loop.watch(socket.fd, .write) { [self] in process(writing: socket.fd) } }
    }

    private func process(reading: Int32 = ARES_SOCKET_BAD, writing: Int32 = ARES_SOCKET_BAD) {
        ares_process_fd(channel, reading, writing)
        alarm.cancel()
        var rest = timeval()
        guard ares_timeout(channel, nil, &rest) != nil else { return }
        // c-ares counts whole milliseconds and leaves out the rest.
        alarm = loop.schedule(after: .seconds(rest.tv_sec) + .microseconds(rest.tv_usec + 1000)) { [self] in process() }
    }

    private func destroy() {
        for timer in [alarm, closing] { timer.cancel() }
        status = ARES_EDESTRUCTION
        ares_destroy(channel.take())
        sockets.remove()
    }
}
