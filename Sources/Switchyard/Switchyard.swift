// Switchyard: every style of asynchronous Swift, talking to every other.
// SPDX-License-Identifier: Apache-2.0

// One import for everything a user writes: the core and the standard bridges.

@_exported public import CallbackBridge
@_exported public import DeferredBridge
@_exported public import Futures
@_exported public import Greenlets
@_exported public import HTTPBridge
@_exported public import Loops
@_exported public import QueueBridge
@_exported public import SignalBridge
