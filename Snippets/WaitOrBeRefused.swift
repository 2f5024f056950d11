// Where blocking could never end, a wait is refused at once, with advice.

import Switchyard

// snippet.helper
/// Blocking code that may be called from anywhere.
func firstLine(of page: Future<String>) throws -> Substring {
    try page.wait().prefix { $0 != "\n" }
}
// snippet.end

// snippet.refused
func inATask(_ page: Future<String>) async throws -> Substring {
    do {
        return try firstLine(of: page)  // below a task, a thread of the pool would be lost
    } catch let error as WouldDeadlock {
        print(error)
        return try await Greenlet.run { try firstLine(of: page) }
    }
}
// snippet.end

// snippet.hide
@main
enum WaitOrBeRefused {
    static func main() async throws {
        let page = Future<Void>.sleep(for: .milliseconds(50)).map { "first\nsecond" }
        print(try await inATask(page))
    }
}
