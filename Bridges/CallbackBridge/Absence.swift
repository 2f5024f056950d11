// Switchyard: every style of asynchronous Swift, talking to every other.
// SPDX-License-Identifier: Apache-2.0

// A promise of an optional type takes nil as its value. That cannot be left to the conversion of `T?` to `T??`: it makes
// "a value, which is nil" of a nil that is passed, but "no value" of one that comes through a converted function (6.3.1).

/// The value that nil stands for in a callback: the nil of an optional type, no value of any other.
@usableFromInline
func absence<Value>(of type: Value.Type) -> Value? {
    guard let optional = type as? any Absent.Type else { return nil }
    let absent: Any = optional.absent
    return absent as? Value
}

private protocol Absent {
    static var absent: Any { get }
}

extension Optional: Absent {
    fileprivate static var absent: Any { Self.none as Any }
}
