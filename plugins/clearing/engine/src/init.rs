//! The configuration: read when the engine is mounted, and when the chain gives it another.

use caldera_sdk::alloy_sol_types::SolValue;
use clearing_rules::{MAX_DECIMALS, WHOLE_BPS, abi::Clearing::Config};

use crate::{
    book::Book,
    calls::Clearing,
    store::{Asset, Clock, Terms},
};

impl<B: Book> Clearing<B> {
    /// Checks and stores the configuration, and opens cycle 1.
    pub(crate) fn set_up(&mut self, config: &[u8]) -> Result<(), String> {
        self.put_config(&read(config)?);
        // `init` is not told the height. Closing by height is due at block 1, and a close without obligations starts anew.
        let closes_at = self.store.terms.get().cycle_blocks.min(1);
        self.store.clock.set(&Clock { open: 1, closing: false, closes_at });
        Ok(())
    }

    /// Takes other accounts, rates and times. The assets are what balances are in, so they stay.
    pub(crate) fn set_up_anew(&mut self, config: &[u8]) -> Result<(), String> {
        let (new, old) = (read(config)?, self.config());
        let assets = |config: &Config| {
            let settlement = (config.settlementAsset, config.settlementDecimals);
            (settlement, (config.collateralAsset, config.collateralDecimals))
        };
        if assets(&new) != assets(&old) {
            return Err("the assets cannot change: balances are in them; mount another engine for other assets".into());
        }
        let clock = self.store.clock.get();
        if clock.closing {
            return Err(
                "a cycle is being settled, by the terms that it closed under; try again when it is settled".into()
            );
        }
        self.put_config(&new);
        if new.cycleBlocks != old.cycleBlocks {
            // As in `set_up`: the open cycle closes at the next block, and from then on at the new distance.
            self.store.clock.set(&Clock { closes_at: new.cycleBlocks.min(1), ..clock });
        }
        Ok(())
    }

    fn put_config(&mut self, config: &Config) {
        let store = &mut self.store;
        store.governor.set(&config.governor);
        store.operator.set(&config.operator);
        store.price_account.set(&config.priceAccount);
        store.liquidator.set(&config.liquidator);
        store.settlement.set(&Asset { address: config.settlementAsset, decimals: config.settlementDecimals });
        store.collateral.set(&Asset { address: config.collateralAsset, decimals: config.collateralDecimals });
        store.terms.set(&Terms {
            haircut_bps: config.haircutBps,
            maintenance_bps: config.maintenanceBps,
            cycle_blocks: config.cycleBlocks,
            call_blocks: config.marginCallBlocks,
        });
    }

    /// The configuration as it is now.
    pub(crate) fn config(&self) -> Config {
        let store = &self.store;
        let (settlement, collateral, terms) = (store.settlement.get(), store.collateral.get(), store.terms.get());
        Config {
            governor: store.governor.get(),
            operator: store.operator.get(),
            priceAccount: store.price_account.get(),
            liquidator: store.liquidator.get(),
            settlementAsset: settlement.address,
            settlementDecimals: settlement.decimals,
            collateralAsset: collateral.address,
            collateralDecimals: collateral.decimals,
            haircutBps: terms.haircut_bps,
            maintenanceBps: terms.maintenance_bps,
            cycleBlocks: terms.cycle_blocks,
            marginCallBlocks: terms.call_blocks,
        }
    }
}

fn read(config: &[u8]) -> Result<Config, String> {
    let config = Config::abi_decode_validate(config)
        .map_err(|error| format!("the configuration is no ABI-encoded Clearing.Config: {error}"))?;
    check(&config)?;
    Ok(config)
}

fn check(config: &Config) -> Result<(), String> {
    let accounts = [
        ("governor", config.governor),
        ("operator", config.operator),
        ("priceAccount", config.priceAccount),
        ("liquidator", config.liquidator),
        ("settlementAsset", config.settlementAsset),
        ("collateralAsset", config.collateralAsset),
    ];
    for (name, account) in accounts {
        if account.is_zero() {
            return Err(format!("{name} is the zero address; name an account"));
        }
    }
    if config.settlementAsset == config.collateralAsset {
        return Err("settlementAsset and collateralAsset are the same token; they must be two".into());
    }
    for (name, decimals) in
        [("settlementDecimals", config.settlementDecimals), ("collateralDecimals", config.collateralDecimals)]
    {
        if decimals > MAX_DECIMALS {
            return Err(format!("{name} is {decimals}; at most {MAX_DECIMALS} are supported"));
        }
    }
    for (name, rate) in [("haircutBps", config.haircutBps), ("maintenanceBps", config.maintenanceBps)] {
        if rate > WHOLE_BPS {
            return Err(format!("{name} is {rate}; at most {WHOLE_BPS} (the whole) makes sense"));
        }
    }
    Ok(())
}
