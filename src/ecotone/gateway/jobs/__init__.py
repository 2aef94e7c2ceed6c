"""What requests want done, one job to each kind of request."""

from ecotone.gateway.jobs.chat import ChatJob
from ecotone.gateway.jobs.job import JSON_TYPE, STREAM_TYPE, Answer, Job
from ecotone.gateway.jobs.media import MediaJob
from ecotone.gateway.jobs.openai import OpenAIJob

__all__ = ["JSON_TYPE", "STREAM_TYPE", "Answer", "ChatJob", "Job", "MediaJob", "OpenAIJob"]
