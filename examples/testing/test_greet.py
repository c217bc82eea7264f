#!/usr/bin/python3
"""Tests in Python: each has a broker of its own in memory, and an untouched client beside it."""

import json
import os
import subprocess
import unittest

from kafka import KafkaConsumer, KafkaProducer


class Broker:
    """Ready when the constructor returns; ends with stop(), or when this process does."""

    def __init__(self):
        self.process = subprocess.Popen(
            [os.environ.get("TIDEMILL", "tidemill"), "serve", "--memory", "--port", "0",
             "--until-eof", "-o", "json"], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self.address = json.loads(self.process.stdout.readline())["kafka"]

    def stop(self):
        self.process.communicate()  # closes its standard input, which is all it waits for


class Greetings(unittest.TestCase):
    def setUp(self):
        self.broker = Broker()
        self.addCleanup(self.broker.stop)

    def test_a_greeting_arrives(self):
        producer = KafkaProducer(bootstrap_servers=self.broker.address)
        producer.send("greetings", b"hello tide").get(timeout=10)
        producer.close()
        consumer = KafkaConsumer("greetings", bootstrap_servers=self.broker.address,
                                 auto_offset_reset="earliest")
        self.assertEqual(next(consumer).value, b"hello tide")
        consumer.close()

    def test_every_test_begins_with_an_empty_broker(self):
        consumer = KafkaConsumer(bootstrap_servers=self.broker.address)
        self.assertEqual(consumer.topics(), set())
        consumer.close()


if __name__ == "__main__":
    unittest.main()
