"""領収書・適格請求書・使用許可書・還付通知・明細: what is printed, numbered without gaps."""
