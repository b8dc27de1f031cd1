//! `[limits]` of the configuration: what clients may ask of the JSON-RPC interface. Each error that a limit brings says so.

use std::time::Duration;

use caldera_api::ApiLimits;
use serde::Deserialize;

/// Limits of JSON-RPC. None of them touches consensus.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct RpcLimitsConfig {
    /// Longest request, in bytes. A staged component travels in one, in hexadecimal.
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
    /// How long a subscriber may leave that buffer full before its subscription ends, in milliseconds.
    pub slow_subscriber_ms: u64,
    /// How long a client may take in nothing of what is sent to it before its connection ends, in milliseconds.
    pub slow_reader_ms: u64,
    /// Most installed filters of one chain.
    pub filters: usize,
    /// Most filters that one connection installs.
    pub filters_per_connection: usize,
    /// How long a filter lives without being asked for changes, in milliseconds.
    pub filter_idle_ms: u64,
    /// Most blocks that one eth_getLogs walks over.
    pub log_blocks: u64,
    /// Most logs in one answer.
    pub log_results: usize,
    /// Most addresses of one log filter, and most topics at each of its positions.
    pub log_values: usize,
    /// Most blocks in one eth_feeHistory.
    pub fee_history_blocks: u64,
    /// Most slots in one eth_getProof or eth_getStorageValues.
    pub proof_slots: usize,
    /// Most gas of one eth_call, and of all calls of one eth_simulateV1.
    pub call_gas: u64,
    /// Most blocks of one eth_simulateV1, the empty ones between included.
    pub simulated_blocks: u64,
    /// Longest time of one eth_simulateV1, in milliseconds.
    pub simulation_ms: u64,
    /// Longest time of one debug_trace*, in milliseconds.
    pub trace_ms: u64,
    /// Most EVM steps that one debug_trace* records.
    pub trace_steps: u64,
    /// How long eth_sendRawTransactionSync waits when it is not told, in milliseconds.
    pub sync_timeout_ms: u64,
    /// How long it may be told to wait, in milliseconds.
    pub sync_timeout_most_ms: u64,
}

impl Default for RpcLimitsConfig {
    fn default() -> Self {
        let limits = ApiLimits::recommended();
        Self {
            request_bytes: limits.request_bytes,
            response_bytes: limits.response_bytes,
            batch_calls: limits.batch_calls,
            connections: limits.connections,
            calls_in_flight_per_connection: limits.calls_in_flight_per_connection,
            bytes_in_flight_per_connection: limits.bytes_in_flight_per_connection,
            subscriptions_per_connection: limits.subscriptions_per_connection,
            buffered_messages: limits.buffered_messages,
            slow_subscriber_ms: millis(limits.slow_subscriber),
            slow_reader_ms: millis(limits.slow_reader),
            filters: limits.filters,
            filters_per_connection: limits.filters_per_connection,
            filter_idle_ms: millis(limits.filter_idle),
            log_blocks: limits.log_blocks,
            log_results: limits.log_results,
            log_values: limits.log_values,
            fee_history_blocks: limits.fee_history_blocks,
            proof_slots: limits.proof_slots,
            call_gas: limits.call_gas,
            simulated_blocks: limits.simulated_blocks,
            simulation_ms: millis(limits.simulation_time),
            trace_ms: millis(limits.trace_time),
            trace_steps: limits.trace_steps,
            sync_timeout_ms: millis(limits.sync_timeout),
            sync_timeout_most_ms: millis(limits.sync_timeout_most),
        }
    }
}

impl RpcLimitsConfig {
    /// What the API starts from.
    pub fn spec(&self) -> ApiLimits {
        ApiLimits {
            request_bytes: self.request_bytes,
            response_bytes: self.response_bytes,
            batch_calls: self.batch_calls,
            connections: self.connections,
            calls_in_flight_per_connection: self.calls_in_flight_per_connection,
            bytes_in_flight_per_connection: self.bytes_in_flight_per_connection,
            subscriptions_per_connection: self.subscriptions_per_connection,
            buffered_messages: self.buffered_messages,
            slow_subscriber: Duration::from_millis(self.slow_subscriber_ms),
            slow_reader: Duration::from_millis(self.slow_reader_ms),
            filters: self.filters,
            filters_per_connection: self.filters_per_connection,
            filter_idle: Duration::from_millis(self.filter_idle_ms),
            log_blocks: self.log_blocks,
            log_results: self.log_results,
            log_values: self.log_values,
            fee_history_blocks: self.fee_history_blocks,
            proof_slots: self.proof_slots,
            call_gas: self.call_gas,
            simulated_blocks: self.simulated_blocks,
            simulation_time: Duration::from_millis(self.simulation_ms),
            trace_time: Duration::from_millis(self.trace_ms),
            trace_steps: self.trace_steps,
            sync_timeout: Duration::from_millis(self.sync_timeout_ms),
            sync_timeout_most: Duration::from_millis(self.sync_timeout_most_ms),
            ..ApiLimits::recommended()
        }
    }

    /// What is wrong with them.
    pub(super) fn check(&self) -> Result<(), String> {
        let least = 2 * caldera_types::limits::MAX_COMPONENT_BYTES + 4096;
        if (self.request_bytes as usize) < least {
            return Err(format!(
                "request-bytes of [limits] is {}, but a staged component needs {least}",
                self.request_bytes
            ));
        }
        if self.bytes_in_flight_per_connection < self.request_bytes.into() {
            return Err(format!(
                "bytes-in-flight-per-connection of [limits] is {}, below request-bytes, which is {}",
                self.bytes_in_flight_per_connection, self.request_bytes
            ));
        }
        if self.sync_timeout_ms > self.sync_timeout_most_ms {
            return Err(format!(
                "sync-timeout-ms of [limits] is {}, above sync-timeout-most-ms, which is {}",
                self.sync_timeout_ms, self.sync_timeout_most_ms
            ));
        }
        let zero = [
            ("batch-calls", self.batch_calls == 0),
            ("connections", self.connections == 0),
            ("calls-in-flight-per-connection", self.calls_in_flight_per_connection == 0),
        ];
        match zero.into_iter().find(|(_, is_zero)| *is_zero) {
            Some((key, _)) => Err(format!("{key} of [limits] is 0: nobody could ask anything")),
            None => Ok(()),
        }
    }
}

/// Whole milliseconds; the recommended times are.
fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_left_out_is_what_the_api_recommends() {
        assert_eq!(RpcLimitsConfig::default().spec(), ApiLimits::recommended());
        RpcLimitsConfig::default().check().unwrap();
    }

    #[test]
    fn limits_that_shut_everybody_out_are_refused() {
        let default = RpcLimitsConfig::default;
        for (limits, about) in [
            (RpcLimitsConfig { request_bytes: 1_000, ..default() }, "request-bytes"),
            (RpcLimitsConfig { batch_calls: 0, ..default() }, "batch-calls"),
            (RpcLimitsConfig { calls_in_flight_per_connection: 0, ..default() }, "calls-in-flight-per-connection"),
            (RpcLimitsConfig { bytes_in_flight_per_connection: 1_000, ..default() }, "bytes-in-flight-per-connection"),
            (RpcLimitsConfig { sync_timeout_ms: 90_000, ..default() }, "sync-timeout-ms"),
        ] {
            let why = limits.check().unwrap_err();
            assert!(why.contains(about), "{why}");
        }
    }
}
