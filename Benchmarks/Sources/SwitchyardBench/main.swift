// Switchyard: every style of asynchronous Swift, talking to every other.
// SPDX-License-Identifier: Apache-2.0

import Measure

Row.main(futureRows + awaitRows + greenletRows)
