"""The parsers of tools' output: of iperf3 as it runs here, of the others as it was published."""

from __future__ import annotations

import shutil
import subprocess

import pytest

from submitter.cluster import tool_output

# forums.developer.nvidia.com/t/273376 and the same columns in github.com/linux-rdma/perftest.
IB_WRITE_BW = """---------------------------------------------------------------------------------------
                    RDMA_Write BW Test
 Dual-port       : OFF          Device         : mlx5_1
 Number of qps   : 1            Transport type : IB
---------------------------------------------------------------------------------------
 #bytes     #iterations    BW peak[Gb/sec]    BW average[Gb/sec]   MsgRate[Mpps]
Conflicting CPU frequency values detected: 1500.000000 != 3300.016000. CPU Frequency is not max.
 65536      560845           0.00               98.02                0.186950
---------------------------------------------------------------------------------------
"""
IB_WRITE_LAT = """---------------------------------------------------------------------------------------
 #bytes #iterations    t_min[usec]    t_max[usec]  t_typical[usec]    t_avg[usec]   t_stdev[usec]  99% percentile[usec]
 2       1000          1.76           6.12         1.79                1.80             0.06            1.88
---------------------------------------------------------------------------------------
"""
# github.com/NVIDIA/nccl-tests issue 44.
ALL_REDUCE = """   134217728      33554432   float   3298.6   20.34   20.34  0e+00   3070.3   21.86   21.86  0e+00
# Out of bounds values : 0 OK
# Avg bus bandwidth    : 6.6
"""


@pytest.mark.skipif(not shutil.which("iperf3"), reason="iperf3 is not installed")
def test_what_iperf3_prints_here() -> None:
    server = subprocess.Popen(
        ["iperf3", "-s", "-1", "-p", "5317", "-B", "127.0.0.1", "--forceflush"], stdout=subprocess.PIPE, text=True
    )
    try:
        assert server.stdout
        while "listening" not in server.stdout.readline():
            pass
        client = ["iperf3", "-c", "127.0.0.1", "-p", "5317", "-J", "-t", "1", "-P", "2"]
        done = subprocess.run(client, capture_output=True, text=True, check=True)
    finally:
        server.kill()
        server.communicate()
    found = tool_output.iperf3_gbits(done.stdout)
    assert found is not None
    assert 0.05 < found < 1000
    refused = subprocess.run(client, capture_output=True, text=True, check=False)
    assert tool_output.iperf3_gbits(refused.stdout) is None
    assert "unable to connect" in tool_output.iperf3_error(refused.stdout)


def test_perftest() -> None:
    assert tool_output.ib_bandwidth_gbits(IB_WRITE_BW) == 98.02
    assert tool_output.ib_latency_us(IB_WRITE_LAT) == 1.79
    assert tool_output.ib_bandwidth_gbits(IB_WRITE_LAT) is None
    assert tool_output.ib_latency_us(IB_WRITE_BW) is None


def test_all_reduce() -> None:
    assert tool_output.all_reduce_gbytes(ALL_REDUCE) == 6.6
    wrong = ALL_REDUCE.replace("values : 0 OK", "values : 12 FAILED")
    assert tool_output.all_reduce_gbytes(wrong) is None, "a sum that is wrong has no speed"
    zero = ALL_REDUCE.replace("bandwidth    : 6.6", "bandwidth    : 0")
    assert tool_output.all_reduce_gbytes(zero) is None, "one accelerator has no bus"


@pytest.mark.parametrize(
    "output", ["", "{}", "[]", "[" * 100_000, '{"end": 1}', "BW average[Gb/sec]", "\0", "t_typical[usec]\n1"]
)
def test_what_no_tool_prints(output: str) -> None:
    assert tool_output.iperf3_gbits(output) is None
    assert tool_output.iperf3_error(output) == ""
    assert tool_output.ib_bandwidth_gbits(output) is None
    assert tool_output.ib_latency_us(output) is None
    assert tool_output.all_reduce_gbytes(output) is None
    infinite = '{"end": {"sum_received": {"bits_per_second": Infinity}}}'
    assert tool_output.iperf3_gbits(infinite) is None
