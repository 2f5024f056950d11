// Switchyard: every style of asynchronous Swift, talking to every other.
// SPDX-License-Identifier: Apache-2.0

/// The header fields of a message, in their order; names are compared without regard to case.
///
///     var headers: HTTPHeaders = ["Accept": "text/plain"]
///     headers["accept"]                           // "text/plain"
///     headers.add("gzip", for: "Accept-Encoding")
///
/// A line break in a name or value is refused when the message is sent, with an error that names the field.
///
/// - Complexity: Copying is O(1); looking a field up is O(size of all fields), with no allocation but the result's.
public struct HTTPHeaders: Sendable {
    // One block of bytes, `name NUL value NUL` for each field: copied out of libevent with one allocation, handed to it
    // with none, and free of both when there are no headers.
    private(set) var block: [UInt8]

    /// No fields.
    public init() { block = [] }

    init(block: [UInt8]) { self.block = block }

    /// There are no fields.
    public var isEmpty: Bool { block.isEmpty }

    /// The first value of the field; setting it replaces all of its values, nil removes the field.
    public subscript(name: String) -> String? {
        get { first(where: { $0.matches(name, in: block) }).map { block.string($0.value) } }
        set {
            remove(name)
            if let newValue { add(newValue, for: name) }
        }
    }

    /// All values of the field, in their order.
    public func values(for name: String) -> [String] {
        fields.filter { $0.matches(name, in: block) }.map { block.string($0.value) }
    }

    /// Adds a field, next to those that have the same name.
    public mutating func add(_ value: String, for name: String) {
        block.reserveCapacity(block.count + name.utf8.count + value.utf8.count + 2)
        append(name)
        append(value)
    }

    private mutating func append(_ text: String) {
        var text = text
        let start = block.count
        text.withUTF8 { unsafe block.append(contentsOf: $0) }
        // NUL ends a string in C. As a line break it is refused, when it is sent, instead of cutting the value short.
        for index in start..<block.count where block[index] == 0 { block[index] = 10 }
        block.append(0)
    }

    private mutating func remove(_ name: String) {
        guard let doomed = first(where: { $0.matches(name, in: block) }) else { return }
        block.removeSubrange(doomed.name.lowerBound...doomed.value.upperBound)
        remove(name)
    }

    // MARK: Fields as ranges of the block

    struct Field {
        var name: Range<Int>
        var value: Range<Int>

        func matches(_ other: String, in block: [UInt8]) -> Bool {
            // Most names differ in length, which costs nothing to see.
            guard name.count == other.utf8.count else { return false }
            return zip(block[name], other.utf8).allSatisfy { lowercased($0) == lowercased($1) }
        }
    }

    struct Fields: Sequence, IteratorProtocol {
        let block: [UInt8]
        var position = 0

        mutating func next() -> Field? {
            guard position < block.count else { return nil }
            let name = part()
            return Field(name: name, value: part())
        }

        private mutating func part() -> Range<Int> {
            let start = position
            while block[position] != 0 { position += 1 }
            position += 1
            return start..<position - 1
        }
    }

    var fields: Fields { Fields(block: block) }

    private func first(where predicate: (Field) -> Bool) -> Field? {
        for field in fields where predicate(field) { return field }
        return nil
    }

    /// The name of a field that must not be sent.
    var nameWithLineBreak: String? {
        // Hardly ever there, and then seen in one pass.
        guard block.contains(where: isLineBreak) else { return nil }
        return first { block[$0.name.lowerBound..<$0.value.upperBound].contains(where: isLineBreak) }
            .map { block.string($0.name) }
    }

    func contains(_ name: String) -> Bool { first { $0.matches(name, in: block) } != nil }
}

extension HTTPHeaders: Sequence {
    /// Makes an iterator over names and values.
    public func makeIterator() -> some IteratorProtocol<(name: String, value: String)> {
        fields.lazy.map { [block] field in (name: block.string(field.name), value: block.string(field.value)) }
            .makeIterator()
    }
}

extension HTTPHeaders: ExpressibleByDictionaryLiteral {
    /// Makes headers of the fields written down; a name may stand several times.
    public init(dictionaryLiteral elements: (String, String)...) {
        self.init()
        block.reserveCapacity(elements.reduce(0) { $0 + $1.0.utf8.count + $1.1.utf8.count + 2 })
        for (name, value) in elements {
            append(name)
            append(value)
        }
    }
}

extension HTTPHeaders: Equatable, CustomStringConvertible {
    /// Equal if they have the same fields in the same order; names may differ in case.
    public static func == (a: HTTPHeaders, b: HTTPHeaders) -> Bool {
        a.elementsEqual(b) { $0.name.lowercased() == $1.name.lowercased() && $0.value == $1.value }
    }

    /// One line for each field.
    public var description: String { map { "\($0.name): \($0.value)" }.joined(separator: "\n") }
}

private func isLineBreak(_ byte: UInt8) -> Bool { byte == 10 || byte == 13 }

private func lowercased(_ byte: UInt8) -> UInt8 { byte >= 65 && byte <= 90 ? byte | 32 : byte }

extension [UInt8] {
    fileprivate func string(_ range: Range<Int>) -> String { String(decoding: self[range], as: UTF8.self) }
}
