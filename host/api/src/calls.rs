//! The calls of HTTP requests, answered from the table of methods.
//!
//! jsonrpsee's own service is for WebSockets as well, and makes for each request what only those need: its configuration, a place among
//! the connections, more extensions, several boxed futures. Here subscriptions have no meaning and are refused, as geth does.

use std::future::{Future, ready};

use futures::future::Either;
use jsonrpsee_core::{
    middleware::{Batch, Notification, Request, RpcServiceT},
    server::{ConnectionId, MethodCallback},
};
use jsonrpsee_server::{MethodResponse, Methods};
use jsonrpsee_types::{ErrorCode, ErrorObject, Params};

use crate::sends::in_order;

/// What answers the calls of one chain, one after the other.
#[derive(Clone, Debug)]
pub(crate) struct Calls {
    pub(crate) methods: Methods,
    /// Bytes of an answer at most.
    pub(crate) most: usize,
}

impl RpcServiceT for Calls {
    type MethodResponse = MethodResponse;
    type NotificationResponse = MethodResponse;
    type BatchResponse = MethodResponse;

    fn call<'a>(&self, request: Request<'a>) -> impl Future<Output = MethodResponse> + Send + 'a {
        let Request { id, method, params, extensions, .. } = request;
        let given = Params::new(params.as_ref().map(|params| params.get()));
        // No method asks for jsonrpsee's number of the connection: ours is among the extensions.
        let nobody = ConnectionId::default();
        let answer = match self.methods.method(&method) {
            Some(MethodCallback::Async(answer)) => {
                return Either::Right(answer(id.into_owned(), given.into_owned(), nobody, self.most, extensions));
            }
            Some(MethodCallback::Sync(answer)) => answer(id, given, self.most, extensions),
            Some(MethodCallback::Subscription(_) | MethodCallback::Unsubscription(_)) => {
                // As geth has it.
                let why = "notifications not supported: subscribe over a WebSocket";
                MethodResponse::error(id, ErrorObject::borrowed(ErrorCode::MethodNotFound.code(), why, None))
            }
            None => MethodResponse::error(id, ErrorObject::from(ErrorCode::MethodNotFound)),
        };
        Either::Left(ready(answer))
    }

    fn notification<'a>(&self, _: Notification<'a>) -> impl Future<Output = MethodResponse> + Send + 'a {
        ready(MethodResponse::notification())
    }

    fn batch<'a>(&self, batch: Batch<'a>) -> impl Future<Output = MethodResponse> + Send + 'a {
        let this = self.clone();
        async move { in_order(&this, batch, this.most).await }
    }
}
