// What belongs to a greenlet: values of its own, and a context that it may have from its spawner.

import Switchyard

// snippet.hide
final class Connection {
    var requests = 0
    func send(_ request: String) throws -> String {
        requests += 1
        try Greenlet.yield()
        return "\(request) #\(requests)"
    }
}
// snippet.show

// snippet.local
/// Each greenlet has a connection of its own, made when it first asks for it, and released when it ends.
let connection = GreenletLocal { Connection() }

func ask(_ request: String) throws -> String { try connection.value.send(request) }
// snippet.end

// snippet.context
let user = ContextVariable("user", default: "nobody")

func serve(_ name: String) throws {
    user.value = name
    let alone = Greenlet.spawn { user.value }  // an empty context: nobody
    let copy = Greenlet.spawn(context: .inherit) { user.value }  // the values of now: the user
    print(try alone.wait(), try copy.wait())
}
// snippet.end

// snippet.hide
@main
enum UseLocals {
    static func main() async throws {
        let one = Greenlet.spawn { try ask("a") + ", " + ask("b") }
        let two = Greenlet.spawn { try ask("c") }
        print(try await one.value, try await two.value)
        try await Greenlet.run { try serve("ada") }
    }
}
