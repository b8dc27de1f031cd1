//! When a chain's forks are: heights before the merge, times after it.

use alloy_eips::{eip7594, eip7840::BlobParams};
use alloy_genesis::ChainConfig;
use caldera_types::Fork;

use super::genesis::GenesisError;

/// The forks of a chain. Made once, from `config` of its genesis file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Schedule {
    /// Height of each fork before the merge, oldest first.
    heights: Vec<(u64, Fork)>,
    /// Time of each fork after it, oldest first.
    times: Vec<(u64, Fork)>,
    /// Height from which signatures may name the chain.
    pub(super) eip155: Option<u64>,
    /// Heights at which the difficulty bomb is put off, with the delay from then on; oldest first.
    pub(super) bombs: Vec<(u64, u64)>,
    /// Blob parameters by the time from which they hold, oldest first.
    blobs: Vec<(u64, BlobParams)>,
}

impl Schedule {
    pub(super) fn of(config: &ChainConfig) -> Result<Self, GenesisError> {
        refuse(config)?;
        let heights = in_order([
            ("homesteadBlock", config.homestead_block, Fork::Homestead),
            ("eip150Block", config.eip150_block, Fork::Tangerine),
            ("eip158Block", config.eip158_block, Fork::SpuriousDragon),
            ("byzantiumBlock", config.byzantium_block, Fork::Byzantium),
            ("constantinopleBlock", config.constantinople_block, Fork::Petersburg),
            ("istanbulBlock", config.istanbul_block, Fork::Istanbul),
            ("berlinBlock", config.berlin_block, Fork::Berlin),
            ("londonBlock", config.london_block, Fork::London),
        ])?;
        let times = in_order([
            ("shanghaiTime", config.shanghai_time, Fork::Shanghai),
            ("cancunTime", config.cancun_time, Fork::Cancun),
            ("pragueTime", config.prague_time, Fork::Prague),
            ("osakaTime", config.osaka_time, Fork::Osaka),
        ])?;
        let bombs = [
            (config.byzantium_block, 3_000_000),
            (config.constantinople_block, 5_000_000),
            (config.muir_glacier_block, 9_000_000),
            (config.london_block, 9_700_000),
            (config.arrow_glacier_block, 10_700_000),
            (config.gray_glacier_block, 11_400_000),
        ];
        let bombs = bombs.into_iter().filter_map(|(height, delay)| Some((height?, delay))).collect();
        Ok(Self { heights, times, eip155: config.eip155_block, bombs, blobs: blobs(config) })
    }

    /// The rules of a block.
    pub(super) fn fork(&self, number: u64, timestamp: u64, merged: bool) -> Fork {
        let last =
            |forks: &[(u64, Fork)], now| forks.iter().rev().find(|(from, _)| *from <= now).map(|(_, fork)| *fork);
        let by_height = last(&self.heights, number).unwrap_or(Fork::Frontier);
        if !merged {
            return by_height;
        }
        last(&self.times, timestamp).unwrap_or(Fork::Merge)
    }

    /// What blobs may be at a time; nobody asks before Cancun.
    pub(super) fn blobs(&self, timestamp: u64) -> BlobParams {
        let last = self.blobs.iter().rev().find(|(from, _)| *from <= timestamp);
        last.map_or_else(BlobParams::cancun, |(_, params)| *params)
    }
}

/// What no chain that is brought in may have.
fn refuse(config: &ChainConfig) -> Result<(), GenesisError> {
    let petersburg = config.petersburg_block.or(config.constantinople_block);
    let refused = [
        ("daoForkBlock", config.dao_fork_support && config.dao_fork_block.is_some_and(|block| block > 0)),
        ("clique", config.clique.is_some()),
        ("parlia", config.parlia.is_some()),
        ("amsterdamTime", config.amsterdam_time.is_some()),
        ("bogotaTime", config.bogota_time.is_some()),
        ("petersburgBlock, later than constantinopleBlock,", petersburg > config.constantinople_block),
    ];
    match refused.into_iter().find(|(_, is_there)| *is_there) {
        Some((key, _)) => Err(GenesisError::Unsupported(key)),
        None => Ok(()),
    }
}

/// The forks that a chain has, each not before the one before it.
fn in_order<const N: usize>(forks: [(&'static str, Option<u64>, Fork); N]) -> Result<Vec<(u64, Fork)>, GenesisError> {
    let mut found: Vec<(u64, Fork)> = Vec::new();
    let mut missing = None;
    for (key, from, fork) in forks {
        let Some(from) = from else {
            missing.get_or_insert(key);
            continue;
        };
        if let Some(missing) = missing {
            return Err(GenesisError::Order { key, before: missing });
        }
        if found.last().is_some_and(|(earlier, _)| *earlier > from) {
            return Err(GenesisError::Order { key, before: "the fork before it" });
        }
        found.push((from, fork));
    }
    Ok(found)
}

/// The blob parameters of each fork and each fork of parameters alone (EIP-7892).
fn blobs(config: &ChainConfig) -> Vec<(u64, BlobParams)> {
    let schedule = &config.blob_schedule;
    let of = |name: &str, fallback: BlobParams| schedule.get(name).copied().unwrap_or(fallback);
    let cancun = of("cancun", BlobParams::cancun());
    let prague = of("prague", BlobParams::prague());
    let osaka = of("osaka", prague);
    let mut times = vec![(config.cancun_time, cancun), (config.prague_time, prague), (config.osaka_time, osaka)];
    let bpos = [config.bpo1_time, config.bpo2_time, config.bpo3_time, config.bpo4_time, config.bpo5_time];
    for (index, time) in bpos.into_iter().enumerate() {
        let fallback = [BlobParams::bpo1(), BlobParams::bpo2()].get(index).copied().unwrap_or(BlobParams::bpo2());
        times.push((time, of(&format!("bpo{}", index + 1), fallback)));
    }
    let mut found: Vec<(u64, BlobParams)> =
        times.into_iter().filter_map(|(time, params)| Some((time?, params))).collect();
    // Stable: of those at one time the newest stays last.
    found.sort_by_key(|(time, _)| *time);
    for (time, params) in &mut found {
        let osaka = config.osaka_time.is_some_and(|osaka| osaka <= *time);
        params.blob_base_cost = if osaka { alloy_eips::eip7840::BLOB_BASE_COST } else { 0 };
        params.max_blobs_per_tx =
            if osaka { params.max_blob_count.min(eip7594::MAX_BLOBS_PER_TX_FUSAKA) } else { params.max_blob_count };
    }
    found
}
