//! Subscriptions can be given back from the moment on that a client knows of them.
//!
//! The server tells a client of its subscription a moment before it knows of it itself: who gives it back at once would be told
//! that there is none, and go on hearing of it. So what was answered with false is asked once more, a moment later.

use std::time::Duration;

use jsonrpsee_core::middleware::{Batch, Notification, Request, RpcServiceT};
use jsonrpsee_server::MethodResponse;
use tower::Layer;

const UNSUBSCRIBE: &str = "eth_unsubscribe";
/// How long a subscription may take from its answer to the server's table.
const A_MOMENT: Duration = Duration::from_millis(20);

/// Wraps what answers calls.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Unsubscribed;

impl<S> Layer<S> for Unsubscribed {
    type Service = Unsubscribing<S>;

    fn layer(&self, inner: S) -> Unsubscribing<S> {
        Unsubscribing { inner }
    }
}

/// What answers calls, `eth_unsubscribe` a second time if need be.
#[derive(Clone, Debug)]
pub(crate) struct Unsubscribing<S> {
    inner: S,
}

impl<S> RpcServiceT for Unsubscribing<S>
where
    S: RpcServiceT<MethodResponse = MethodResponse> + Clone + Send + Sync + 'static,
{
    type MethodResponse = MethodResponse;
    type NotificationResponse = S::NotificationResponse;
    type BatchResponse = S::BatchResponse;

    fn call<'a>(&self, request: Request<'a>) -> impl Future<Output = MethodResponse> + Send + 'a {
        let again = (request.method == UNSUBSCRIBE).then(|| (self.inner.clone(), request.clone()));
        let first = self.inner.call(request);
        async move {
            let answer = first.await;
            match again {
                Some((inner, request)) if says_false(&answer) => {
                    tokio::time::sleep(A_MOMENT).await;
                    inner.call(request).await
                }
                _ => answer,
            }
        }
    }

    fn notification<'a>(
        &self,
        notification: Notification<'a>,
    ) -> impl Future<Output = Self::NotificationResponse> + Send + 'a {
        self.inner.notification(notification)
    }

    fn batch<'a>(&self, batch: Batch<'a>) -> impl Future<Output = Self::BatchResponse> + Send + 'a {
        self.inner.batch(batch)
    }
}

fn says_false(answer: &MethodResponse) -> bool {
    answer.is_success() && answer.as_json().get().ends_with(r#""result":false}"#)
}
