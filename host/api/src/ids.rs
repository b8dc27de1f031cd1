//! Identifiers of subscriptions and filters: random, and written as Ethereum quantities.

use jsonrpsee_server::{IdProvider, RandomIntegerIdProvider};
use jsonrpsee_types::SubscriptionId;

/// Gives 0x-prefixed random identifiers, as Ethereum clients expect them.
#[derive(Clone, Copy, Debug)]
pub(crate) struct HexIds;

impl HexIds {
    /// A new identifier.
    pub(crate) fn next(&self) -> String {
        match RandomIntegerIdProvider.next_id() {
            SubscriptionId::Num(id) => format!("{id:#x}"),
            SubscriptionId::Str(id) => id.into_owned(),
        }
    }
}

impl IdProvider for HexIds {
    fn next_id(&self) -> SubscriptionId<'static> {
        SubscriptionId::Str(self.next().into())
    }
}
