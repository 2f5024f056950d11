// Stacks that are switched by hand: two that talk to each other, a generator, an error thrown in.

import Switchyard

// snippet.switch
func pingPong() throws {
    let main = Fiber<String>.current
    let worker = Fiber<String>(name: "worker") { first in
        var message = first
        while message != "stop" { message = try main.switch("got \(message)") }
        return "done"  // goes to the parent: here to main, which made the fiber
    }
    print(try worker.switch("a"))  // got a
    print(try worker.switch("b"))  // got b
    print(try worker.switch("stop"), worker.isDead)  // done true
}
// snippet.end

// snippet.generator
struct Node {
    var name: String
    var children: [Node] = []
}

/// Yields from any depth of nested calls.
func visit(_ node: Node, _ yield: Generator<String>.Yielder) throws {
    for child in node.children { try visit(child, yield) }
    try yield(node.name)
}

func names(below root: Node) -> Generator<String> { Generator { try visit(root, $0) } }
// snippet.end

// snippet.throw
func throwIn() throws {
    let main = Fiber<Int>.current
    let fiber = Fiber<Int> { first in
        do { return try main.switch(first + 1) } catch let error as NotFound {
            return error.code  // handled: the parent gets an answer
        }
    }
    _ = try fiber.switch(1)
    print(try fiber.throw(NotFound(code: 404)) ?? 0)  // 404

    let other = Fiber<Int> { first in
        defer { print("unwound") }
        return try main.switch(first)
    }
    _ = try other.switch(1)
    print(try other.throw() as Any)  // unwound, nil: GreenletExit is no error of the parent
}
// snippet.end

// snippet.hide
struct NotFound: Error { var code: Int }

@main
enum UseFibers {
    static func main() throws {
        try pingPong()
        let tree = Node(name: "root", children: [Node(name: "a", children: [Node(name: "b")]), Node(name: "c")])
        print(Array(names(below: tree)))
        try throwIn()
    }
}
