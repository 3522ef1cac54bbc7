"""What the demo says, in each language."""

from contract.text import Text

COMPLAINT = Text("everything is slow", "всё тормозит")

SAYS = {
    "collector": Text(
        "The collector is up on https://{address}, with its own authority and an empty store.",
        "Сборщик работает на https://{address}: свой центр сертификации, пустое хранилище.",
    ),
    "enrolled": Text(
        "This machine is enrolled by a one-time code over mutual TLS, as {host}; its agent is on the line.",
        "Машина подключена одноразовым кодом по взаимному TLS как {host}; агент на связи.",
    ),
    "fault": Text(
        "A practice fault: {program}, process {pid}, burns one core and does nothing useful.",
        "Учебная неисправность: {program}, процесс {pid}, впустую занимает одно ядро.",
    ),
    "plea": Text(
        "A customer says “{words}” and runs: feldsher diagnose --send",
        "Клиент говорит «{words}» и запускает: feldsher diagnose --send",
    ),
    "ticket": Text(
        "Ticket {ticket} is open. Cause: {title} ({sure} sure).",
        "Открыта заявка {ticket}. Причина: {title} (уверенность {sure}).",
    ),
    "unseen": Text(
        "The machine is busy, and the fault does not stand out yet. The customer waits a little and asks again.",
        "Машина занята, неисправность пока не выделяется. Клиент немного ждёт и спрашивает снова.",
    ),
    "graver": Text(
        "Ticket {ticket} is about a real trouble that weighs more: {title}. It is left alone; the fault gets its own.",
        "Заявка {ticket} о настоящей неполадке, которая важнее: {title}. Она не тронута; у учебной будет своя заявка.",
    ),
    "also": Text(
        "Also found on this machine, reported and left alone: {title}.",
        "Ещё найдено на этой машине, записано и не тронуто: {title}.",
    ),
    "plan": Text(
        "A technician asks for the plan of {playbook}: it is told, and nothing is changed.",
        "Специалист просит план {playbook}: план получен, ничего не изменено.",
    ),
    "order": Text(
        "The technician gives the order: {playbook}, on ticket {ticket}.",
        "Специалист отдаёт приказ: {playbook}, по заявке {ticket}.",
    ),
    "verdict": Text(
        "Verdict: {verdict}. A fresh checkup does not find the fault any more.",
        "Итог: {verdict}. Новый осмотр неисправности уже не находит.",
    ),
    "again": Text(
        "The same order once more: {verdict}, nothing to do.", "Тот же приказ ещё раз: {verdict}, делать нечего."
    ),
    "console": Text(
        "The console: {address}  (name {user}, password {password})",
        "Консоль: {address}  (имя {user}, пароль {password})",
    ),
    "try": Text("In another terminal: {command}", "В другом окне: {command}"),
    "stay": Text("Ctrl-C ends everything and removes {folder}.", "Ctrl-C всё остановит и удалит {folder}."),
}
