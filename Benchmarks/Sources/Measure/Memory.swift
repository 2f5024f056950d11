// Switchyard: every style of asynchronous Swift, talking to every other.
// SPDX-License-Identifier: Apache-2.0

private import CMeasure

/// What the process has of the machine at one moment.
package struct Snapshot {
    /// Of processors.
    package let nanoseconds: UInt64
    package let residentBytes: Int
    package let pageFaults: Int

    package static func now() -> Snapshot {
        let (resident, faults) = (measure_resident_bytes(), measure_page_faults())
        return Snapshot(
            nanoseconds: measure_processor_nanoseconds(),
            residentBytes: Int(resident),
            pageFaults: Int(faults)
        )
    }

    /// Nanoseconds that touching a new page takes here, when so many are touched that lie so many bytes apart.
    package static func pageFaultCost(of count: Int, apart distance: Int) -> Double {
        // Memory that a virtual machine has never used before costs more: the first time does not count.
        _ = measure_page_fault_cost(UInt64(count), UInt64(distance))
        return measure_page_fault_cost(UInt64(count), UInt64(distance))
    }
}
