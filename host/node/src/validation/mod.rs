//! Validators of this node: they verify its chains' blocks from witnesses, sign, and gather certificates.

mod keys;
mod worker;

use std::{path::Path, sync::Arc};

use alloy_primitives::Address;
use caldera_bls::SecretKey;
use caldera_chain::Chain;
use caldera_engine::Engines;
use caldera_validation::{Certified, FileError, Registration, RegistrationError, SignError, committee_of};

use crate::secret_file::SecretFileError;
pub(crate) use worker::Validators;

/// The validators that a node runs itself, the same for all its chains.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ValidationSpec {
    /// Whose bonds answer for them: one validator for each, of weight 1.
    pub owners: Vec<Address>,
}

/// Why no validator runs.
#[derive(Debug, thiserror::Error)]
pub enum ValidationError {
    /// A key could not be read or made.
    #[error(transparent)]
    Key(#[from] SecretFileError),
    /// The members are no committee.
    #[error("committee: {0}")]
    Committee(#[from] RegistrationError),
    /// Their files.
    #[error(transparent)]
    File(#[from] FileError),
    /// What they signed.
    #[error(transparent)]
    Signer(#[from] SignError),
    /// No thread.
    #[error("the validators' thread does not start: {0}")]
    Thread(#[from] std::io::Error),
}

/// Folder of the validators' keys, in the data folder. No chain can be called so.
const KEYS_FOLDER: &str = "validator_keys";
/// Folder of what validators keep, in a chain's folder.
const CHAIN_FOLDER: &str = "validation";

/// What a node's validators hand in to join a committee; keys that are not there yet are made.
pub fn registrations(spec: &ValidationSpec, data: &Path) -> Result<Vec<Registration>, SecretFileError> {
    let keys = keys::load(&data.join(KEYS_FOLDER), spec.owners.len())?;
    Ok(registered(spec, &keys))
}

fn registered(spec: &ValidationSpec, keys: &[SecretKey]) -> Vec<Registration> {
    keys.iter().zip(&spec.owners).map(|(key, owner)| Registration::of(key, 1, *owner)).collect()
}

/// Starts the validators of one chain; they live until the second value is stopped.
pub(crate) fn start(
    spec: &ValidationSpec,
    data: &Path,
    chain: &Arc<Chain>,
    engines: &Engines,
) -> Result<(Arc<Certified>, Validators), ValidationError> {
    let keys = keys::load(&data.join(KEYS_FOLDER), spec.owners.len())?;
    let committee = committee_of(0, &registered(spec, &keys))?;
    let folder = data.join(chain.name()).join(CHAIN_FOLDER);
    let certified = Arc::new(Certified::open(&folder, committee)?);
    let validators = Validators::start(chain.clone(), engines.clone(), certified.clone(), &folder, keys)?;
    Ok((certified, validators))
}
