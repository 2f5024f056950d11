// Switchyard: every style of asynchronous Swift, talking to every other.
// SPDX-License-Identifier: Apache-2.0

#ifndef SWITCHYARD_CLIBEVENT_H
#define SWITCHYARD_CLIBEVENT_H

// First: libevent's configuration header defines _GNU_SOURCE, and the C library must have been read by then, or Swift
// files that import both see two versions of fd_set.
#include <sys/types.h>

#if defined(__linux__)
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/timerfd.h>
#endif

#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>
#include <event2/http.h>
#include <event2/http_struct.h>
#include <event2/keyvalq_struct.h>
#include <event2/listener.h>
#include <event2/thread.h>
#include <event2/util.h>

#endif
