// Switchyard: every style of asynchronous Swift, talking to every other.
// SPDX-License-Identifier: Apache-2.0

import Futures

/// Those who wait for something that is given out one by one, each with a Deferred of its own. For use under a lock.
struct WaitingLine<Value: Sendable> {
    /// One place. What it is given goes through a future, whose observers are called one after the other: a receiver who gives
    /// the thing back at once does not nest in the one before (in Twisted 5000 of them exhaust the stack after 199).
    final class Place: Sendable {
        private let gate: Future<Value>

        init(_ fileID: StaticString, _ line: UInt) { gate = .pending(fileID: fileID, line: line) }

        /// The Deferred of this place.
        ///
        /// - Parameter leave: Takes the place out of its line; false if it has been given something.
        func deferred(
            _ fileID: StaticString,
            _ line: UInt,
            leave: @escaping @Sendable (Place) -> Bool
        ) -> Deferred<Value> {
            let deferred = gate.deferred(fileID: fileID, line: line)
            deferred.setCanceller { [weak self] in
                guard let self, leave(self) else { return .tooLate }
                return .stopped
            }
            return deferred
        }

        func give(_ value: Value) { _ = gate._complete(.success(value)) }
    }

    private var places = _Ring<Place>()

    var count: Int { places.count }

    mutating func append(_ place: Place) { places.append(place) }
    mutating func popFirst() -> Place? { places.popFirst() }
    mutating func remove(_ place: Place) -> Bool { places.removeFirst { $0 === place } != nil }
}
