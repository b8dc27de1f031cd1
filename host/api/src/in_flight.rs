//! What one connection has in flight: calls that are not answered yet, and the bytes of their requests.
//!
//! A WebSocket's messages and the streams of HTTP/2 are answered beside each other. Each request is kept until its call is answered,
//! and a call may wait long: for a block, or for a thread. So both are bounded, and what is beyond is refused by name.
//!
//! Of a WebSocket's message only what the call says is seen here, not what stands around it. What stands around it is known by the
//! socket: all that came in since nothing was in flight, and does not belong to a call that was answered, is taken for in flight.

use std::{
    future::{Future, ready},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
};

use futures::future::Either;
use jsonrpsee_core::middleware::{Batch, BatchEntry, Notification, Request, RpcServiceT};
use jsonrpsee_server::MethodResponse;
use jsonrpsee_types::Id;
use parking_lot::Mutex;
use tower::Layer;

use crate::{
    errors::{Reply, RpcError},
    limits::ApiLimits,
};

/// Bytes of a message beside parameters, method and a long identifier, at most, as clients write it: what is answered is taken off
/// with so many more.
const AROUND: u64 = 256;

/// What a connection has in flight.
#[derive(Debug, Default)]
pub(crate) struct InFlight {
    /// Bytes that its socket took in, ever.
    came: AtomicU64,
    now: Mutex<Now>,
}

#[derive(Debug, Default)]
struct Now {
    calls: u32,
    /// Of their requests, as far as the calls say.
    bytes: u64,
    /// Of what came, what belongs to no message in flight.
    done: u64,
}

/// A call in flight, until this is dropped.
#[derive(Debug)]
pub(crate) struct Underway {
    of: Arc<InFlight>,
    bytes: u64,
    /// Whether it came in a WebSocket's message.
    message: bool,
}

impl InFlight {
    /// Bytes came in.
    pub(crate) fn came(&self, bytes: usize) {
        self.came.fetch_add(bytes as u64, Relaxed);
    }

    /// An HTTP request of so many bytes begins, or is over a limit.
    pub(crate) fn begin(self: &Arc<Self>, bytes: u64, limits: &ApiLimits) -> Reply<Underway> {
        self.enter(bytes, false, limits)
    }

    /// The same for a WebSocket's message, of which so many bytes are seen. One that is refused is done with.
    fn begin_message(self: &Arc<Self>, bytes: u64, limits: &ApiLimits) -> Reply<Underway> {
        let begun = self.enter(bytes, true, limits);
        if begun.is_err() {
            self.done(&mut self.now.lock(), bytes);
        }
        begun
    }

    fn enter(self: &Arc<Self>, bytes: u64, message: bool, limits: &ApiLimits) -> Reply<Underway> {
        let mut now = self.now.lock();
        let calls = limits.calls_in_flight_per_connection;
        if now.calls >= calls {
            return Err(RpcError::Limit(format!(
                "this connection has {} calls in flight, at most {calls}; wait for an answer",
                now.calls
            )));
        }
        let mut held = now.bytes.saturating_add(bytes);
        if message {
            let came = self.came.load(Relaxed);
            if now.calls == 0 {
                // Nothing but this one, which is no longer than it may be.
                now.done = now.done.max(came.saturating_sub(limits.request_bytes.into()));
            }
            held = held.max(came.saturating_sub(now.done));
        }
        let most = limits.bytes_in_flight_per_connection;
        if held > most {
            return Err(RpcError::Limit(format!(
                "this connection's requests in flight have {held} bytes with this one, at most {most}; wait for an answer"
            )));
        }
        now.calls += 1;
        now.bytes = now.bytes.saturating_add(bytes);
        Ok(Underway { of: self.clone(), bytes, message })
    }

    /// A message of which so many bytes were seen is gone. Those in flight stay counted.
    fn done(&self, now: &mut Now, bytes: u64) {
        let most = self.came.load(Relaxed).saturating_sub(now.bytes);
        now.done = now.done.saturating_add(bytes).saturating_add(AROUND).min(most);
    }
}

impl Drop for Underway {
    fn drop(&mut self) {
        let mut now = self.of.now.lock();
        now.calls -= 1;
        now.bytes = now.bytes.saturating_sub(self.bytes);
        if now.calls == 0 {
            now.done = self.of.came.load(Relaxed);
        } else if self.message {
            self.of.done(&mut now, self.bytes);
        }
    }
}

/// Wraps what answers the messages of one WebSocket.
#[derive(Clone, Debug)]
pub(crate) struct Bounded {
    pub(crate) in_flight: Arc<InFlight>,
    pub(crate) limits: Arc<ApiLimits>,
}

impl<S> Layer<S> for Bounded {
    type Service = Bounding<S>;

    fn layer(&self, inner: S) -> Bounding<S> {
        Bounding { inner, bounded: self.clone() }
    }
}

/// What answers the messages of one WebSocket, as long as not too many are in flight. A batch is one.
#[derive(Clone, Debug)]
pub(crate) struct Bounding<S> {
    inner: S,
    bounded: Bounded,
}

impl<S> Bounding<S> {
    fn begin(&self, bytes: u64) -> Reply<Underway> {
        self.bounded.in_flight.begin_message(bytes, &self.bounded.limits)
    }
}

impl<S> RpcServiceT for Bounding<S>
where
    S: RpcServiceT<
            MethodResponse = MethodResponse,
            NotificationResponse = MethodResponse,
            BatchResponse = MethodResponse,
        > + Clone
        + Send
        + Sync
        + 'static,
{
    type MethodResponse = MethodResponse;
    type NotificationResponse = MethodResponse;
    type BatchResponse = MethodResponse;

    fn call<'a>(&self, request: Request<'a>) -> impl Future<Output = MethodResponse> + Send + 'a {
        match self.begin(of_call(&request)) {
            Ok(underway) => Either::Left(until_answered(underway, self.inner.call(request))),
            Err(error) => Either::Right(ready(MethodResponse::error(request.id, error))),
        }
    }

    fn notification<'a>(&self, notification: Notification<'a>) -> impl Future<Output = MethodResponse> + Send + 'a {
        // It is not answered, and nothing comes of it.
        drop(self.begin(of_notification(&notification)));
        self.inner.notification(notification)
    }

    fn batch<'a>(&self, batch: Batch<'a>) -> impl Future<Output = MethodResponse> + Send + 'a {
        let entries = batch.iter().map(|entry| match entry {
            Ok(BatchEntry::Call(call)) => AROUND + of_call(call),
            Ok(BatchEntry::Notification(notification)) => AROUND + of_notification(notification),
            Err(_) => AROUND,
        });
        match self.begin(entries.sum()) {
            Ok(underway) => Either::Left(until_answered(underway, self.inner.batch(batch))),
            Err(error) => Either::Right(ready(MethodResponse::error(Id::Null, error))),
        }
    }
}

async fn until_answered(underway: Underway, answer: impl Future<Output = MethodResponse>) -> MethodResponse {
    let answer = answer.await;
    drop(underway);
    answer
}

/// Bytes of a call that are seen of it.
fn of_call(call: &Request<'_>) -> u64 {
    let id = if let Id::Str(id) = &call.id { id.len() } else { 0 };
    (id + call.method.len() + call.params.as_ref().map_or(0, |params| params.get().len())) as u64
}

fn of_notification(notification: &Notification<'_>) -> u64 {
    (notification.method.len() + notification.params.as_ref().map_or(0, |params| params.get().len())) as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    fn limits(calls: u32, bytes: u64) -> ApiLimits {
        ApiLimits {
            calls_in_flight_per_connection: calls,
            bytes_in_flight_per_connection: bytes,
            ..ApiLimits::recommended()
        }
    }

    fn refused(begun: Reply<Underway>, why: &str) {
        let Err(RpcError::Limit(said)) = begun else { panic!("{begun:?} should be refused") };
        assert!(said.contains(why), "{said}");
    }

    #[test]
    fn calls_and_bytes_are_bounded_and_given_back() {
        let (of, limits) = (Arc::new(InFlight::default()), limits(2, 1_000));
        let first = of.begin(400, &limits).unwrap();
        let second = of.begin(600, &limits).unwrap();
        refused(of.begin(0, &limits), "2 calls in flight, at most 2");
        drop(second);
        refused(of.begin(601, &limits), "1001 bytes with this one, at most 1000");
        let second = of.begin(600, &limits).unwrap();
        drop((first, second));
        of.begin(1_000, &limits).unwrap();
    }

    #[test]
    fn what_stands_around_a_call_counts() {
        let (of, limits) = (Arc::new(InFlight::default()), limits(100, 10_000));
        let message = |seen: u64, whole: usize| {
            of.came(whole);
            of.begin_message(seen, &limits)
        };
        let first = message(100, 4_000).unwrap();
        let second = message(100, 5_000).unwrap();
        refused(message(100, 5_000), "at most 10000");
        drop((first, second));
        // Nothing is in flight any more, so all that came is done with.
        let third = message(100, 4_000).unwrap();
        message(100, 9_000).unwrap_err();
        drop(third);
    }

    /// A connection on which there is always something in flight can go on for ever.
    #[test]
    fn what_is_answered_does_not_count() {
        let (of, limits) = (Arc::new(InFlight::default()), limits(100, 10_000));
        let message = |seen: u64| {
            of.came(seen as usize + 100);
            of.begin_message(seen, &limits)
        };
        let _waits = message(5_000).unwrap();
        for _ in 0..1_000 {
            message(4_000).unwrap();
            // One that is refused is done with too.
            refused(message(5_000), "at most 10000");
        }
        // What was answered cannot be used up later.
        let _second = message(4_500).unwrap();
        refused(message(1_000), "at most 10000");
    }
}
