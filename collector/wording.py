"""What a technician calls quantities, places and instants; strangers' text made harmless."""

import re
from datetime import UTC, datetime

from contract.readable import printable
from contract.sample import Sample
from contract.text import Language, Text

_MONTHS: dict[Language, tuple[str, ...]] = {
    "en": ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"),
    "ru": ("янв.", "февр.", "марта", "апр.", "мая", "июня", "июля", "авг.", "сент.", "окт.", "нояб.", "дек."),
}
# Between these nothing is invisible that could steer a screen: line feed, tab, and the spaces that do not break.
_TEXT = re.compile("[^\n\t\u00a0\u202f]+")

# What a technician calls the quantities that findings and repairs speak of; others go by their own name.
_NAMES = {
    "system.cpu.utilization": Text("Processor in use", "Загрузка процессора"),
    "system.cpu.load_average.1m": Text("Load, 1 minute", "Нагрузка за минуту"),
    "system.cpu.logical.count": Text("Processor cores", "Ядер процессора"),
    "pressure.cpu_some_ratio": Text("Time spent waiting for the processor", "Ожидание процессора"),
    "pressure.memory_some_ratio": Text("Time spent waiting for memory", "Ожидание памяти"),
    "pressure.memory_full_ratio": Text("Time everything waits for memory", "Все ждут памяти"),
    "pressure.io_full_ratio": Text("Time everything waits for disks", "Все ждут дисков"),
    "system.memory.limit": Text("Memory", "Память"),
    "system.linux.memory.available": Text("Memory available", "Доступно памяти"),
    "system.memory.utilization": Text("Memory in use", "Занято памяти"),
    "system.paging.usage": Text("Swap in use", "Занято подкачки"),
    "memory.oom_kills": Text("Programs ended for lack of memory", "Программ закрыто из-за нехватки памяти"),
    "system.filesystem.limit": Text("Size of the disk", "Размер диска"),
    "system.filesystem.usage.used": Text("Used on the disk", "Занято на диске"),
    "system.filesystem.usage.free": Text("Free on the disk", "Свободно на диске"),
    "system.filesystem.utilization": Text("Disk in use", "Заполнение диска"),
    "filesystem.inodes_free": Text("File slots free", "Свободно записей файлов"),
    "filesystem.inode_utilization": Text("File slots in use", "Занято записей файлов"),
    "journal.used_bytes": Text("System logs", "Системные журналы"),
    "packages.cache_bytes": Text("Downloaded packages", "Скачанные пакеты"),
    "process.cpu_cores": Text("Processor taken by the program", "Программа занимает процессор"),
    "process.cpu_lifetime_ratio": Text("Share of its life it computed", "Доля жизни в вычислениях"),
    "process.uptime": Text("The program runs for", "Программа работает"),
    "process.memory.usage": Text("Memory taken by the program", "Программа занимает памяти"),
    "process.memory_ratio": Text("Share of memory taken by the program", "Доля памяти у программы"),
    "process.sleeps_per_second": Text("Times a second the program rests", "Пауз программы в секунду"),
    "process.io_bytes_per_second": Text("Read and written a second", "Чтение и запись в секунду"),
    "process.nice": Text("How far the program stands back (nice)", "Уступчивость программы (nice)"),
    "processes.zombie_count": Text("Ended but not collected programs", "Завершённых, но не убранных программ"),
    "processes.stuck_count": Text("Stuck programs", "Зависших программ"),
    "filesystem.inodes": Text("File slots", "Записей файлов"),
    "filesystem.read_only": Text("Disk is read-only", "Диск только для чтения"),
    "system.paging.limit": Text("Swap", "Подкачка"),
    "system.network.errors": Text("Packets lost to errors", "Пакетов потеряно из-за ошибок"),
    "net.gateway_reachable": Text("Router answers", "Маршрутизатор отвечает"),
    "net.interface_up": Text("Network link up", "Сетевое соединение есть"),
    "net.listening": Text("Port answers", "Порт слушают"),
    "dns.server_configured": Text("Name server configured", "Сервер имён настроен"),
    "service.result": Text("How the service ended", "Как завершилась служба"),
    "clock.sources_agree": Text("Time sources agree", "Источники времени согласны"),
    "journal.errors_since_boot": Text("Errors logged since the start", "Ошибок в журнале с запуска"),
    "system.process.count": Text("Programs running", "Запущено программ"),
    "service.failed": Text("Service failed", "Служба остановлена сбоем"),
    "service.active": Text("Service running", "Служба работает"),
    "service.restarts": Text("Restarts of the service", "Перезапусков службы"),
    "services.failed_count": Text("Failed services", "Служб со сбоем"),
    "dns.system_answer_seconds": Text("Name server answers in", "Сервер имён отвечает за"),
    "dns.other_answer_seconds": Text("Other name server answers in", "Другой сервер имён отвечает за"),
    "clock.error_seconds": Text("Clock is wrong by", "Ошибка часов"),
    "clock.offset_seconds": Text("Clock differs from the source by", "Расхождение с источником времени"),
    "clock.synchronised": Text("Clock synchronised", "Часы сверены"),
    "clock.sync_enabled": Text("Clock synchronisation enabled", "Сверка часов включена"),
    "system.uptime": Text("Running for", "Работает"),
}


def named(sample: Sample, language: Language) -> str:
    """Return what people call the quantity of *sample*, and where: ``Free on the disk (/var)``."""
    name = _NAMES.get(sample.name)
    called = name.in_language(language) if name else sample.name
    # "started" tells two processes of one number apart; it means nothing to a reader.
    place = ", ".join(value for label, value in sample.where.items() if label != "started")
    return f"{called} ({place})" if place else called


def moment(at: datetime, language: Language) -> str:
    """Return *at* in UTC to the minute, the month in letters: no reader has to guess the order."""
    at = at.astimezone(UTC)
    return f"{at.day}\N{NO-BREAK SPACE}{_MONTHS[language][at.month - 1]} {at.year}, {at:%H:%M}\N{NO-BREAK SPACE}UTC"


def visible(text: str) -> str:
    """Return *text* with every character that steers a screen or hides text written out; line feeds and tabs stay."""
    return _TEXT.sub(lambda found: printable(found.group()), text)
