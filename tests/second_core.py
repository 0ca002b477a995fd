"""The suite on two cores, with pytest alone: this process takes the tests from the first on, a second from the last on.

The second process collects the same tests. Each takes the next that nobody has begun, until they meet. The reports of
the second are told here when the turn of their tests comes, so the printed order is the usual one. Should it break
down, its tests run here.
"""

import multiprocessing
import os
import queue
import sys
import threading

import pytest

FEW = 150  # tests that are over before a second process has begun


def share(session):
    """Start the second process, unless there is little to do or somebody wants to look inside."""
    config = session.config
    if not (multiprocessing.parent_process() or len(session.items) < FEW or config.option.collectonly
            or config.option.usepdb):
        config.pluginmanager.register(First(config.invocation_params, [item.nodeid for item in session.items]))


class First:
    """Here: run a test, or tell what the second process found."""

    def __init__(self, invocation, names):
        context = multiprocessing.get_context("spawn")
        self.number = {name: k for k, name in enumerate(names)}
        self.free = context.Array("i", [0, len(names)])  # nobody has begun the tests from free[0] up to free[1]
        receiver, sender = context.Pipe(duplex=False)
        arguments = [*invocation.args, "--junitxml="]  # this process writes the report, if one is wanted
        self.process = context.Process(target=second, args=(arguments, str(invocation.dir), names, self.free, sender))
        self.process.start()
        sender.close()
        self.arrived, self.reports = queue.SimpleQueue(), {}
        threading.Thread(target=self.receive, args=(receiver,), daemon=True).start()

    def receive(self, receiver):
        try:
            while True:
                self.arrived.put(receiver.recv())
        except (EOFError, OSError):
            self.arrived.put(None)

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_protocol(self, item):
        with self.free:
            if (k := self.number[item.nodeid]) < self.free[1]:
                self.free[0] = k + 1
                return None  # pytest goes on with it
        while item.nodeid not in self.reports:
            if (message := self.arrived.get()) is None:
                self.arrived.put(None)
                return None
            self.reports |= [message]
        hook = item.ihook
        hook.pytest_runtest_logstart(nodeid=item.nodeid, location=item.location)
        for data in self.reports.pop(item.nodeid):
            report = hook.pytest_report_from_serializable(config=item.config, data=data)
            hook.pytest_runtest_logreport(report=report)
        hook.pytest_runtest_logfinish(nodeid=item.nodeid, location=item.location)
        return True

    def pytest_unconfigure(self):
        self.process.terminate()
        self.process.join()


class Second:
    """There: run what nobody has begun, from the last test to the first, and send each test's reports."""

    def __init__(self, names, free, sender):
        self.names, self.free, self.sender, self.reports = names, free, sender, []

    def pytest_configure(self, config):
        self.config = config

    @pytest.hookimpl(trylast=True)
    def pytest_collection_modifyitems(self, items):
        found = {item.nodeid: item for item in items}
        items[:] = [found[name] for name in reversed(self.names)]
        self.number = {name: k for k, name in enumerate(self.names)}

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_protocol(self, item):
        with self.free:
            if (k := self.number[item.nodeid]) < self.free[0]:
                return True  # the first process has it
            self.free[1] = k

    def pytest_runtest_logreport(self, report):
        self.reports.append(self.config.hook.pytest_report_to_serializable(config=self.config, report=report))

    def pytest_runtest_logfinish(self, nodeid):
        self.sender.send((nodeid, self.reports))
        self.reports = []


def second(arguments, folder, *shared):
    os.chdir(folder)
    sys.stdout = open(os.devnull, "w")
    sys.exit(pytest.main(arguments, plugins=[Second(*shared)]))
