//! Why a request to a chain gave no answer that can be used.

use alloy_primitives::{B256, Bytes};
use alloy_sol_types::{Revert, SolError, SolInterface};
use caldera_execution::registry::abi::IEngineRegistry::IEngineRegistryErrors;
use clearing_rules::abi::Clearing::ClearingErrors;
use jsonrpsee_core::client::Error as ClientError;
use weave_rules::abi::Weave::WeaveErrors;

/// EIP-1474 has no code for a reverted call; clients and nodes agree on geth's.
const REVERTED: i32 = 3;

/// Why a request failed, and whose fault it is.
#[derive(Debug, thiserror::Error)]
pub enum RpcError {
    /// Nobody answers there.
    #[error("cannot reach {url}: {source}; is the node running (`caldera dev`), and is the chain's name right?")]
    Unreachable {
        /// Where.
        url: String,
        /// What the transport says.
        source: Box<ClientError>,
    },
    /// The node refused.
    #[error("{method} was refused: {message} (code {code})")]
    Refused {
        /// Which method.
        method: &'static str,
        /// JSON-RPC's error code.
        code: i32,
        /// The node's words.
        message: String,
    },
    /// A call or a transaction reverted.
    #[error("{what} reverted: {}", reason(data))]
    Reverted {
        /// What was called.
        what: String,
        /// The revert data.
        data: Bytes,
    },
    /// The answer is not what the method promises.
    #[error("{what} gave an answer that does not decode: {why}")]
    BadAnswer {
        /// Which method or function.
        what: String,
        /// Why not.
        why: String,
    },
    /// A transaction failed in its block.
    #[error("transaction {hash} failed in block {block}: {why}")]
    Failed {
        /// Which.
        hash: B256,
        /// Where.
        block: u64,
        /// What the same call says when it is asked again.
        why: String,
    },
    /// Transactions did not get into a block in time.
    #[error("{missing} of {sent} transactions are in no block after {seconds} s; the first is {first}")]
    TimedOut {
        /// How many were sent.
        sent: usize,
        /// How many are missing.
        missing: usize,
        /// One of them.
        first: B256,
        /// How long was waited.
        seconds: u64,
    },
    /// Signing failed.
    #[error("cannot sign: {0}")]
    Signer(#[from] alloy_signer::Error),
}

impl RpcError {
    /// Says what the client library met.
    pub(crate) fn from_client(url: &str, method: &'static str, error: ClientError) -> Self {
        match error {
            ClientError::Call(error) => {
                let data = error.data().and_then(|data| serde_json::from_str::<Bytes>(data.get()).ok());
                match data.filter(|_| error.code() == REVERTED) {
                    Some(data) => Self::Reverted { what: method.to_owned(), data },
                    None => Self::Refused { method, code: error.code(), message: error.message().to_owned() },
                }
            }
            ClientError::ParseError(error) => Self::BadAnswer { what: method.to_owned(), why: error.to_string() },
            source => Self::Unreachable { url: url.to_owned(), source: Box::new(source) },
        }
    }

    /// The same, said of `what` was called rather than of the method that carried it.
    pub fn about(self, called: impl Into<String>) -> Self {
        match self {
            Self::Reverted { data, .. } => Self::Reverted { what: called.into(), data },
            other => other,
        }
    }
}

/// A revert reason in words: Solidity's own `Error(string)`, a typed error of the registry, of clearing or of the weave, else its bytes.
fn reason(data: &Bytes) -> String {
    if data.is_empty() {
        return "without a reason".to_owned();
    }
    if let Ok(Revert { reason }) = Revert::abi_decode(data) {
        return reason;
    }
    if let Ok(error) = IEngineRegistryErrors::abi_decode(data) {
        return registry_reason(error);
    }
    if let Ok(error) = ClearingErrors::abi_decode(data) {
        return clearing_reason(error);
    }
    match WeaveErrors::abi_decode(data) {
        Ok(error) => weave_reason(error),
        Err(_) => format!("{data}"),
    }
}

fn weave_reason(error: WeaveErrors) -> String {
    use WeaveErrors as E;
    match error {
        E::NoRule(e) => {
            format!(
                "NoRule: no rule maps kind {} {} of chain {} here: the governor sets one by setRule",
                e.kind, e.key, e.origin
            )
        }
        E::Duplicate(e) => format!("Duplicate: unit {} is proven here at height {} already", e.id, e.height),
        E::Replay(e) => format!("Replay: of unit {} a later word than nonce {} is known here", e.id, e.nonce),
        E::UnknownOrigin(e) => {
            format!("UnknownOrigin: chain {} is not believed here: `caldera weave link` it", e.chainId)
        }
        E::NoCommittee(e) => format!("NoCommittee: nobody certifies chain {} here: `caldera weave link` it", e.chainId),
        E::WrongChain(e) => format!("WrongChain: the unit is for chain {}, this is {}", e.destination, e.chainId),
        E::StaleRoot(e) => {
            format!("StaleRoot: block {} of chain {} is too old here: prove the unit again", e.height, e.chainId)
        }
        E::UncertifiedRoot(e) => format!(
            "UncertifiedRoot: block {} of chain {} is not certified here: prove the unit at a block with a certificate",
            e.height, e.chainId
        ),
        E::EpochNotLater(e) => format!(
            "EpochNotLater: a committee of epoch {} is there already, and one of epoch {} cannot follow it",
            e.current, e.epoch
        ),
        E::Unauthorized(e) => format!("Unauthorized: {} may not do this", e.caller),
        other => format!("{other:?}"),
    }
}

fn clearing_reason(error: ClearingErrors) -> String {
    use ClearingErrors as E;
    match error {
        E::DuplicateReference(e) => {
            format!("{} has used the reference {} before: was this loaded already?", e.debtor, e.referenceId)
        }
        E::NotRegistered(e) => format!("{} is no participant of this engine", e.account),
        E::ParticipantSuspended(e) => format!("{} is suspended", e.participant),
        E::Unauthorized(e) => format!("{} may not do this", e.caller),
        other => format!("{other:?}"),
    }
}

fn registry_reason(error: IEngineRegistryErrors) -> String {
    use IEngineRegistryErrors as E;
    match error {
        E::NotGovernor(e) => format!("{} is not the governor; that is {}", e.caller, e.governor),
        E::ComponentRejected(e) => format!("component {} is rejected: {}", e.digest, e.reason),
        E::NotStaged(e) => format!("{} was never staged: `caldera engine stage FILE` first", e.digest),
        E::HeightNotAhead(e) => format!("height {} is not ahead of {}: choose a later one", e.height, e.current),
        E::HeightTaken(e) => format!("another activation has height {}: choose another one", e.height),
        E::AlreadyArmed(e) => format!("{} is armed for height {} already; disarm it first", e.mount, e.height),
        E::Busy(e) => format!("{} is {}: wait until that is over", e.mount, e.phase),
        E::NothingToChange(e) => {
            format!("{} runs just that already: component, grants, limits and configuration", e.mount)
        }
        E::BadProbation(e) => format!("the rule of the probation cannot hold: {}", e.reason),
        E::NotMigrating(e) => format!("no migration of the governor's is under way at {}", e.mount),
        E::NotMounted(e) => format!("no engine is mounted at {}", e.mount),
        E::AddressNotFree(e) => format!("{} cannot hold an engine: it is reserved or has other code", e.mount),
        other => format!("{other:?}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloy_primitives::Address;
    use caldera_execution::registry::abi::IEngineRegistry;
    use clearing_rules::abi::Clearing;

    #[test]
    fn reasons_are_words_where_they_can_be() {
        let not_governor = IEngineRegistry::NotGovernor { caller: Address::ZERO, governor: Address::repeat_byte(1) };
        for (data, want) in [
            (Bytes::new(), "without a reason"),
            (Revert { reason: "no funds".into() }.abi_encode().into(), "no funds"),
            (not_governor.abi_encode().into(), "is not the governor; that is 0x0101"),
            (Clearing::NothingToClose { cycle: 7 }.abi_encode().into(), "NothingToClose"),
            (Bytes::from_static(&[1, 2, 3]), "0x010203"),
        ] {
            assert!(reason(&data).contains(want), "{}", reason(&data));
        }
    }
}
