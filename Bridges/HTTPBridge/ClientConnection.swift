// Switchyard: every style of asynchronous Swift, talking to every other.
// SPDX-License-Identifier: Apache-2.0

import CLibevent

/// One connection of evhttp to a server. On the loop's thread only.
@safe
final class ClientConnection {
    let key: String
    /// evhttp's object; nil after `free`.
    private(set) var handle: OpaquePointer?
    /// Between evhttp's words that it is connected and that it is not.
    var isConnected = false
    /// It has carried a reply before.
    var isUsed = false

    init?(base: OpaquePointer, address: String, port: UInt16, key: String) {
        self.key = key
        guard let handle = unsafe evhttp_connection_base_new(base, nil, address, port) else { return nil }
        unsafe self.handle = handle
        // The fetch keeps the time; without this evhttp would, by limits of its own.
        var never = Evhttp.time(.zero)
        unsafe evhttp_connection_set_timeout_tv(handle, &never)
        // SAFETY: evhttp's object is freed before this one.
        let reference = unsafe Unmanaged.passUnretained(self).toOpaque()
        unsafe evhttp_connection_set_closecb(
            handle,
            { _, connection in
                // SAFETY: as above.
                unsafe Unmanaged<ClientConnection>.fromOpaque(connection!).takeUnretainedValue().isConnected = false
                _ = Evhttp.takeError()
            },
            reference
        )
    }

    var bufferevent: OpaquePointer { unsafe evhttp_connection_get_bufferevent(handle) }
    var input: OpaquePointer { unsafe bufferevent_get_input(bufferevent) }

    /// Closes the connection. Never from inside libevent.
    func free() {
        guard let handle = unsafe handle else { return }
        unsafe self.handle = nil
        unsafe evhttp_connection_free(handle)
    }

    deinit { unsafe assert(handle == nil, "a connection was dropped without being freed") }
}
