// Switchyard: every style of asynchronous Swift, talking to every other.
// SPDX-License-Identifier: Apache-2.0

/// A fiber with a body.
final class TypedFiber<Message>: FiberCore {
    private var body: ((Message) throws -> Message)?

    init(
        host: FiberHost,
        name: String,
        stackSize: Int,
        parent: FiberHandle,
        body: @escaping (Message) throws -> Message
    ) {
        self.body = body
        super.init(host: host, name: name, stackSize: stackSize, parent: parent)
        expect(Message.self)
    }

    override func dropBody() { body = nil }

    override func run() { finish(execute()) }

    /// Everything the body captured is released when this returns.
    private func execute() -> Result<Message, any Error> {
        Result {
            guard let first = try take(Message.self, exitIsError: false), let body else { throw GreenletExit() }
            self.body = nil
            return try body(first)
        }
    }
}
