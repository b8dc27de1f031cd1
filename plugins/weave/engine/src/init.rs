//! The configuration: read when the engine is mounted, and when the chain gives it another.

use caldera_sdk::alloy_sol_types::SolValue;
use weave_rules::{WHOLE_BPS, abi::Weave::Config};

use crate::{Weave, store::Terms};

impl Weave {
    /// Checks and stores the configuration.
    pub(crate) fn set_up(&mut self, config: &[u8]) -> Result<(), String> {
        let config = read(config)?;
        self.put_terms(&config);
        for origin in &config.origins {
            self.put_origin(origin.chainId, origin.engine, origin.maxLag).map_err(String::from)?;
            if !config.committee.is_empty() {
                self.put_members(origin.chainId, config.epoch, &config.committee).map_err(String::from)?;
            }
        }
        Ok(())
    }

    /// Takes another governor and other terms. Origins and committees are the governor's to change, one by one.
    pub(crate) fn set_up_anew(&mut self, config: &[u8]) -> Result<(), String> {
        let config = read(config)?;
        if !config.origins.is_empty() || !config.committee.is_empty() {
            return Err("origins and committees are set by the governor while the engine runs; leave them out".into());
        }
        self.put_terms(&config);
        Ok(())
    }

    fn put_terms(&mut self, config: &Config) {
        self.store.governor.set(&config.governor);
        self.store.terms.set(&Terms { unbond_seconds: config.unbondSeconds, reward_bps: config.rewardBps });
    }
}

fn read(config: &[u8]) -> Result<Config, String> {
    let config = Config::abi_decode_validate(config)
        .map_err(|error| format!("the configuration is no ABI-encoded Weave.Config: {error}"))?;
    if config.governor.is_zero() {
        return Err("governor is the zero address; name an account".into());
    }
    if config.rewardBps > WHOLE_BPS {
        return Err(format!("rewardBps is {}; at most {WHOLE_BPS} (the whole) makes sense", config.rewardBps));
    }
    if config.committee.is_empty() && config.epoch != 0 {
        return Err("epoch is set without a committee".into());
    }
    Ok(config)
}
