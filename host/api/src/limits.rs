//! What one client, and all of them together, may ask of the node.

use std::time::Duration;

/// Limits of the API. None of them touches consensus.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ApiLimits {
    /// Longest request, in bytes. The largest honest one is a component's stage: 2 MiB, twice as long in hexadecimal.
    pub request_bytes: u32,
    /// Longest answer, in bytes.
    pub response_bytes: u32,
    /// Most calls in one batch.
    pub batch_calls: u32,
    /// Most open connections, over all chains.
    pub connections: u32,
    /// Most calls of one connection that are not answered yet; a batch is one.
    pub calls_in_flight_per_connection: u32,
    /// Most bytes of the requests of one connection that are not answered yet.
    pub bytes_in_flight_per_connection: u64,
    /// Most subscriptions of one WebSocket connection.
    pub subscriptions_per_connection: u32,
    /// Messages kept for one WebSocket connection that does not read.
    pub buffered_messages: u32,
    /// How long a subscriber may leave that buffer full before its subscription ends.
    pub slow_subscriber: Duration,
    /// How long a client may take in nothing of what is sent to it before its connection ends.
    pub slow_reader: Duration,
    /// Most installed filters of one chain.
    pub filters: usize,
    /// Most filters that one connection installs.
    pub filters_per_connection: usize,
    /// How long a filter lives without being asked for changes.
    pub filter_idle: Duration,
    /// Most blocks that one `eth_getLogs` walks over.
    pub log_blocks: u64,
    /// Most logs in one answer.
    pub log_results: usize,
    /// Most addresses of one log filter, and most topics at each of its positions.
    pub log_values: usize,
    /// Most blocks in one `eth_feeHistory`.
    pub fee_history_blocks: u64,
    /// Most slots in one `eth_getProof` or `eth_getStorageValues`.
    pub proof_slots: usize,
    /// Most gas of one `eth_call`, and of all calls of one `eth_simulateV1`.
    pub call_gas: u64,
    /// Most blocks of one `eth_simulateV1`, the empty ones between included.
    pub simulated_blocks: u64,
    /// Longest time of one `eth_simulateV1`; looked at after each block.
    pub simulation_time: Duration,
    /// Longest time of one `debug_trace*`.
    pub trace_time: Duration,
    /// Most EVM steps that one `debug_trace*` records.
    pub trace_steps: u64,
    /// How long `eth_sendRawTransactionSync` waits when it is not told (EIP-7966).
    pub sync_timeout: Duration,
    /// How long it may be told to wait.
    pub sync_timeout_most: Duration,
    /// Threads that run calls and read the disk. They share the engine runtime's instances with the block producers, so
    /// whoever makes that runtime counts them in.
    pub threads: usize,
    /// How long open requests may take to end once the server is told to stop.
    pub stop_grace: Duration,
}

impl ApiLimits {
    /// [`Self::response_bytes`], as a length.
    pub(crate) fn longest_response(&self) -> usize {
        usize::try_from(self.response_bytes).unwrap_or(usize::MAX)
    }

    /// What suits one machine with a few chains.
    pub const fn recommended() -> Self {
        Self {
            request_bytes: 8 << 20,
            response_bytes: 32 << 20,
            batch_calls: 200,
            connections: 512,
            calls_in_flight_per_connection: 1024,
            bytes_in_flight_per_connection: 64 << 20,
            subscriptions_per_connection: 64,
            buffered_messages: 256,
            slow_subscriber: Duration::from_secs(10),
            slow_reader: Duration::from_secs(30),
            filters: 1024,
            filters_per_connection: 128,
            filter_idle: Duration::from_secs(300),
            log_blocks: 10_000,
            log_results: 10_000,
            log_values: 1000,
            fee_history_blocks: 1024,
            proof_slots: 1024,
            call_gas: 50_000_000,
            simulated_blocks: 256,
            simulation_time: Duration::from_secs(10),
            trace_time: Duration::from_secs(20),
            trace_steps: 200_000,
            sync_timeout: Duration::from_secs(2),
            sync_timeout_most: Duration::from_secs(60),
            threads: 8,
            stop_grace: Duration::from_secs(3),
        }
    }
}

impl Default for ApiLimits {
    fn default() -> Self {
        Self::recommended()
    }
}

/// Stack of each of [`ApiLimits::threads`]: simulated calls nest engines in contracts in engines.
pub(crate) const STACK_BYTES: usize = 32 << 20;

const _: () = {
    let limits = ApiLimits::recommended();
    assert!(limits.request_bytes as usize > 2 * caldera_types::limits::MAX_COMPONENT_BYTES + 4096);
    assert!(limits.bytes_in_flight_per_connection >= limits.request_bytes as u64);
    assert!(limits.call_gas <= caldera_types::limits::BLOCK_GAS);
};
